"""A served folder neither gives away nor takes files of the node's own secrets."""

from __future__ import annotations

from attack.attacker import Attacker, contents_of
from attack.sharing import fetched, store
from attack.wire import TcpPeer

# As the two command lines call them, and as others may.
OWN = (
    "node.key",
    "node.key.next",
    "trust.json",
    "places.json",
    "dsoftbus.key",
    "dsoftbus.key.next",
    "dsoftbus.key.starts",
    "dsoftbus.trust",
    "dsoftbus.trust.new",
    "dsoftbus.seed",
    "config.json",
)
# Names that no file system gives a file, or that lead elsewhere on some.
DEVICES = (
    "NUL",
    "nul.txt",
    "CON",
    "aux",
    "COM1",
    "LPT1.log",
    "C:x",
    "x:y",
    "...",
    "a/NUL",
    "a\\b",
)


def leading_out(name: str) -> tuple:
    """Names that lead out of the folder, to this one, or that some file system takes for it."""
    return (
        name + ".",
        name + " ",
        name + "::$DATA",
        "C:" + name,
        "./" + name,
        "../" + name,
        "..\\" + name,
        "sub/../" + name,
        "/" + name,
        name + "\0",
    )


def looking_like(name: str) -> tuple:
    """Names that some file system takes for this one; on others they are files of their own."""
    return (
        name,
        name.upper(),
        name.capitalize(),
        name.replace(".", "\uff0e"),  # a full-width dot, which some make a plain one
        name.replace("s", "\u017f"),  # a long s, which is an s where case does not matter
    )


class OwnFiles(Attacker):
    """A peer that is let in fetches the node's files, and stores others in their place. They lie
    in the folder `home`, where the folder that is served lies, too."""

    name = "the node's own files"
    promise = "key, trust, seed, plan, places and settings are neither read nor replaced"
    role = "honest"

    def attack(self) -> None:
        home = self.victim.folder.parent
        before = contents_of(home)
        with self.peer(TcpPeer).connect() as peer:
            for name in (*OWN, *DEVICES):
                for disguise in leading_out(name):
                    self.fetch(peer, disguise)
                    self.store(peer, disguise)
                for disguise in looking_like(name):
                    self.fetch(peer, disguise)
            for device in DEVICES:
                self.store(peer, device)
            if not peer.echo():
                self.effect("a peer that is let in is not served any more")
        if contents_of(home) != before:
            self.effect("a file beside the folder was changed")

    def fetch(self, peer: TcpPeer, name: str) -> None:
        if fetched(peer, name):
            self.effect(f"{name!r} was read")

    def store(self, peer: TcpPeer, name: str) -> None:
        if store(peer, name, b"pwned"):
            self.effect(f"{name!r} was stored")


class Links(Attacker):
    """Fetches and replaces what links of the folder lead to; `links` are their names."""

    name = "links out of the folder"
    promise = OwnFiles.promise
    role = "honest"
    links = ("link", "chain", "folder", "folder/node.key", "folder/new", "folder/served/new")

    def attack(self) -> None:
        home = self.victim.folder.parent
        before = contents_of(home)
        with self.peer(TcpPeer).connect() as peer:
            for name in self.links:
                if fetched(peer, name):
                    self.effect(f"what {name} leads to was read")
                store(peer, name, b"pwned")
        if contents_of(home) != before:
            self.effect("what a link leads to was changed")

    def forbids(self, name: str) -> bool:
        """That a file takes a link's own place is the folder's affair."""
        return False
