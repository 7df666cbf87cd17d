"""Access: whoever is not let in tries to have an effect all the same.

In each attack what the attacker sends reaches the victim before it can have refused: with the last
message of the handshake, or while the session ends.
"""

from __future__ import annotations

from attack.attacker import Attacker
from attack.sharing import put
from attack.wire import TcpPeer, UdpPeer
from dsoftbus.const import CLOSE, FLAG_FIN, RST, SHARE_STREAM
from dsoftbus.identity import device_id
from pairs import data_frame, frame, open_frame

FILE = "owners.txt"  # which the victim's owner has in the folder
CONTENT = b"the owner's"
QUIET_S = 0.3  # of a victim that refuses without a word
_FIRST = 1  # the initiator's first stream


def stored(stream: int, name: str, content: bytes = b"pwned") -> tuple:
    """Frames that store a file, whole: OPEN, DATA, FIN."""
    body = put(name, content)
    return open_frame(stream, SHARE_STREAM.encode()), data_frame(stream, body, FLAG_FIN)


class Stranger(Attacker):
    """Every handler that ran, and every message that a program got, counts as the stranger's
    success."""

    link: type = TcpPeer

    def run(self):
        cost = super().run()
        after = self.victim.report()
        own = {device_id(peer.local.static.public) for peer in self._peers}
        if own & set(after["served"]):
            self.effect("a handler ran for a peer that is not let in")
        if own & set(after["messages"]):
            self.effect("a program got a message of a peer that is not let in")
        return cost

    def settle(self, peer) -> None:
        """Waits until the victim has said what it has to say."""
        if isinstance(peer, TcpPeer):
            peer.socket.settimeout(QUIET_S)
            peer.heard_until_closed()
        else:
            peer.exchange(lambda: peer.session.closed, QUIET_S)


class StoreWithFinish(Stranger):
    name = "store with FINISH"
    promise = "no handler starts for a peer that is not let in"

    def attack(self) -> None:
        peer = self.peer(self.link).greet()
        if peer.greeted:
            peer.finish_with(*stored(_FIRST, FILE))
            self.settle(peer)


class StoreWithFinishUdp(StoreWithFinish):
    name = "store with FINISH, UDP"
    link = UdpPeer


class ManyOpens(Stranger):
    name = "FINISH and 50 streams"
    promise = StoreWithFinish.promise

    def attack(self) -> None:
        peer = self.peer(self.link).greet()
        if peer.greeted:
            files = [peer.sealed(*stored(1 + 2 * i, f"many{i}")) for i in range(40)]
            echoes = [peer.sealed(open_frame(81 + 2 * i, b"echo")) for i in range(10)]
            peer.send(peer.finish + b"".join(files + echoes))
            self.settle(peer)


class ManyOpensUdp(ManyOpens):
    name = "FINISH and 50 streams, UDP"
    link = UdpPeer

    def attack(self) -> None:
        peer = self.peer(self.link).greet()
        if peer.greeted:
            peer.send(peer.finish)
            for i in range(50):
                peer.send(peer.segment(i, *stored(1 + 2 * i, f"many{i}")))
            self.settle(peer)


class OpenWhileClosing(Stranger):
    """In one record a CLOSE, and streams behind it and before it."""

    name = "streams around CLOSE"
    promise = "no handler starts on a session that has ended"

    def attack(self) -> None:
        peer = self.peer(self.link).greet()
        if peer.greeted:
            before, behind = stored(_FIRST, "before.txt"), stored(_FIRST + 2, "behind.txt")
            peer.finish_with(*before, frame(CLOSE, 0, b"\0"), *behind)
            self.settle(peer)


class OpenAfterRefusal(Stranger):
    """Goes on sending when it has been refused, as long as the link takes it."""

    name = "streams after the refusal"
    promise = OpenWhileClosing.promise

    def attack(self) -> None:
        peer = self.peer(self.link).greet()
        if peer.greeted:
            peer.send(peer.finish)
            for i in range(20):
                record = stored(1 + 2 * i, f"late{i}")
                if isinstance(peer, TcpPeer):
                    if not peer.send(peer.sealed(*record)):
                        break
                else:
                    peer.send(peer.segment(i, *record))
                    peer.receive(0.01)
            self.settle(peer)


class OpenAfterRefusalUdp(OpenAfterRefusal):
    name = "streams after the refusal, UDP"
    link = UdpPeer


class ResetOwn(Stranger):
    """Opens, sends, and resets what it opened, in one write: no trace, but maybe an effect."""

    name = "stream and RST with FINISH"
    promise = StoreWithFinish.promise

    def attack(self) -> None:
        peer = self.peer(self.link).greet()
        if peer.greeted:
            peer.finish_with(*stored(_FIRST, FILE), frame(RST, _FIRST, b"\x40"))
            self.settle(peer)


class Messages(Stranger):
    name = "messages with FINISH"
    promise = "unreliable messages ask the same gate as streams"

    def attack(self) -> None:
        peer = self.peer(UdpPeer).greet()
        if peer.greeted:
            peer.send(peer.finish, *[peer.message(b"message %d" % i) for i in range(10)])
            peer.exchange(lambda: peer.session.closed, QUIET_S)
            peer.send(*[peer.message(b"late %d" % i) for i in range(10)])


class WithoutToken(Stranger):
    """The pattern XK where the victim asks for XKpsk3."""

    name = "no token"
    promise = "who has no token is not served where one is asked for"

    def attack(self) -> None:
        peer = self.peer(self.link).greet()
        if peer.greeted:
            self.effect("a handshake without the token was answered")
            peer.send(peer.finish) if isinstance(peer, TcpPeer) else peer.connect()
            if peer.echo():
                self.effect("it was served")


class WithoutTokenUdp(WithoutToken):
    name = "no token, UDP"
    link = UdpPeer


class Echo(Stranger):
    name = "a plain stranger"
    promise = "nobody is let in unless the program says whom"

    def attack(self) -> None:
        for link in (TcpPeer, UdpPeer):
            peer = self.peer(link).greet()
            if peer.greeted:
                peer.connect() if link is UdpPeer else peer.send(peer.finish)
                if peer.echo():
                    self.effect("a stranger was served")


STRANGERS = (
    StoreWithFinish,
    StoreWithFinishUdp,
    ManyOpens,
    ManyOpensUdp,
    OpenWhileClosing,
    OpenAfterRefusal,
    OpenAfterRefusalUdp,
    ResetOwn,
    Messages,
    Echo,
)
