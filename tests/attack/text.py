"""Text of others that reaches a terminal, a log, a prompt or a table."""

from __future__ import annotations

import os
import pty
import select
import socket
import subprocess
import time
from typing import Any

from attack.attacker import Attacker
from attack.sharing import fetched
from attack.wire import SUITE, TcpPeer
from dsoftbus.const import LINK_STREAM
from dsoftbus.discovery.announce import LIFETIME_S, MAGIC
from dsoftbus.identity import device_id

HARMLESS = "Käthes Küche 2"
FORGED = "forged"  # a line that begins so is the attacker's
# Each is at most 32 bytes of UTF-8, the longest name of a node.
HOSTILE = {
    "clipboard": "\x1b]52;c;cHduZWQ=\x07",
    "title": "\x1b]0;pwned\x07",
    "hidden": "\x1b[8mhall",
    "cleared": "\x1b[2J\x1b[Hhall",
    "C1": "\x9b8mhall",
    "newline": f"hall\n{FORGED} 1",
    "return": f"hall\r{FORGED}",
    "line separator": f"hall\u2028{FORGED}",
    "next line": f"hall\x85{FORGED}",
    "turned": "\u202ellah",
    "isolated": "\u2066hall\u2069",
    "invisible": "ha\u200bll",
    "joined": "ha\u2060ll\ufeff",
    "tag": "hall\U000e0061",
    "backspace": "evil\b\b\b\bhall",
    "markup": "[red]hall[/red][link=x]",
}
RAW = ("\x1b", "\x9b", "\x07", "\b", "\u202e", "\u2066", "\u2069", "\u200b", "\u2060", "\ufeff",
       "\u2028", "\x85", "\U000e0061", "\r")  # fmt: skip


def found_in(shown: str, allowed: tuple = ()) -> list:
    """Returns the attackers' characters and lines that are in the output of a command."""
    raw = [repr(char) for char in RAW if char in shown and char not in allowed]
    lines = [line for line in shown.splitlines() if line.lstrip().startswith(FORGED)]
    return raw + lines


def announcement(name: str, services: tuple = (), secret: bytes | None = None) -> bytes:
    """An announcement as an attacker writes it: the rules for names are not its."""
    public = SUITE.keypair(secret or os.urandom(32)).public
    device = device_id(public).encode()
    raw = name.encode()
    packet = MAGIC + bytes((2, len(device))) + device + public
    packet += (1).to_bytes(4, "big") + LIFETIME_S.to_bytes(2, "big") + bytes((0, 1))
    packet += bytes((LINK_STREAM,)) + (4000).to_bytes(2, "big") + bytes((len(raw),)) + raw
    listed = [service.encode() for service in services]
    return packet + bytes((len(listed),)) + b"".join(bytes((len(s),)) + s for s in listed)


def shout(port: int) -> None:
    """Announces a node under each hostile name to whoever listens on this port here, and one that
    is called as nodes are."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for name in (*HOSTILE.values(), HARMLESS):
            sock.sendto(announcement(name, (name,)), ("127.0.0.1", port))


class Streams(Attacker):
    """Opens streams under hostile names, as a peer that is called like that."""

    name = "hostile names"
    promise = "text of others is shown through one function"

    def attack(self) -> None:
        for name in HOSTILE.values():
            peer = self.peer(Named, name=name)
            with peer.connect():
                if peer.greeted:
                    peer.service("x" + name)
                    fetched(peer, name)


class Named(TcpPeer):
    """A peer whose HELLO has a name that a node may not have."""

    def __init__(self, at: tuple, public: bytes, name: str = "", **more: Any) -> None:
        super().__init__(at, public, **more)
        self.local.name = name


def on_a_terminal(command: list, environment: dict, while_: Any) -> str:
    """Returns the command's output on a terminal; calls `while_()` again and again meanwhile."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    shown = b""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        while_()
        if select.select([master], [], [], 0.1)[0]:
            try:
                shown += os.read(master, 65536)
            except OSError:
                break  # it has ended
    os.close(master)
    assert process.wait(10) == 0, shown
    return shown.decode(errors="replace")
