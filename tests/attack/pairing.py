"""Pairing: strangers that come while a node waits for a peer to pair with."""

from __future__ import annotations

import os

from attack.attacker import Attacker
from attack.wire import TcpPeer
from dsoftbus.const import KIND_MESSAGES, PAIR_STREAM
from dsoftbus.errors import BusError
from dsoftbus.mux.stream_states import RESET
from dsoftbus.trust.pairing import CANCEL, COMMIT, CONFIRM, NONCE, REVEAL, VERSION, commitment

ELSEWHERE = "127.0.0.77"  # another host than that of the peer that is waited for
OPEN_MS = 1500


class Talking:
    """The pairing stream of `peer`, message by message; nothing of it has to make sense."""

    def __init__(self, peer: TcpPeer) -> None:
        self.peer = peer
        self.stream = peer.session.open(PAIR_STREAM, 1, KIND_MESSAGES)
        peer.exchange(lambda: self.stream.max_message >= 0 or self.over)

    @property
    def over(self) -> bool:
        return bool(self.stream.state >= RESET)

    def say(self, kind: int, body: bytes) -> None:
        self.message = bytes((kind,)) + body  # lent until it is sent
        if not self.over and self.stream.send_message(self.message):
            self.peer.send(self.peer.taken())

    def heard(self) -> bytes:
        """The next message; b"" where the stream ends."""
        self.peer.exchange(lambda: self.stream.message_bytes >= 0 or self.over)
        if self.stream.message_bytes < 0:
            return b""
        message = bytearray(self.stream.message_bytes)
        self.stream.recv_message_into(message)
        return bytes(message)


class Pesterer(Attacker):
    """A stranger that connects while pairings are taken, and does `pester` in its session."""

    promise = "a stranger does not end the wait for a peer to pair with"
    count = 1

    def attack(self) -> None:
        for _ in range(self.count):
            with self.peer(TcpPeer, source=ELSEWHERE).connect() as peer:
                try:
                    self.pester(peer)
                except BusError:
                    continue  # it was refused before it could begin

    def pester(self, peer: TcpPeer) -> None:
        raise NotImplementedError


class ComeAndGo(Pesterer):
    name = "a stranger comes and goes"
    count = 8

    def pester(self, peer: TcpPeer) -> None:
        peer.exchange(lambda: True)


class Cancel(Pesterer):
    name = "a stranger cancels"

    def pester(self, peer: TcpPeer) -> None:
        talk = Talking(peer)
        talk.say(CANCEL, b"\x87")
        peer.is_heard()  # it is answered by nothing


class CommitAndLeave(Pesterer):
    name = "a stranger commits and leaves"

    def pester(self, peer: TcpPeer) -> None:
        talk = Talking(peer)
        talk.say(COMMIT, bytes((VERSION,)) + bytes(32))
        if talk.heard()[:1] != bytes((NONCE,)):
            return
        peer.reset()


class RevealAnother(Pesterer):
    name = "a stranger reveals another nonce"

    def pester(self, peer: TcpPeer) -> None:
        talk = Talking(peer)
        talk.say(COMMIT, bytes((VERSION,)) + os.urandom(32))
        talk.heard()
        talk.say(REVEAL, bytes(32))
        talk.heard()


class ConfirmAlone(Pesterer):
    """Goes through the exchange and confirms, though nobody here has looked at digits."""

    name = "a stranger confirms by itself"
    count = 1

    def pester(self, peer: TcpPeer) -> None:
        talk = Talking(peer)
        nonce = os.urandom(32)
        bound = peer.session.handshake_hash
        talk.say(COMMIT, bytes((VERSION,)) + commitment(bound, nonce))
        talk.heard()
        talk.say(REVEAL, nonce)
        talk.say(CONFIRM, bytes(32))
        talk.heard()


class Garbage(Pesterer):
    name = "a stranger talks nonsense"

    def pester(self, peer: TcpPeer) -> None:
        talk = Talking(peer)
        talk.say(self.random.randrange(256), os.urandom(20))
        talk.heard()


PESTERERS = (ComeAndGo, Cancel, CommitAndLeave, RevealAnother, Garbage, ConfirmAlone)
# Three attempts begin in a minute, whoever makes them; these leave one of them to others.
FEW = (ComeAndGo, Cancel, CommitAndLeave)


class Lingerer(Attacker):
    """Strangers that came while pairings were taken, and stay when that is over."""

    name = "strangers that stay"
    promise = "strangers from pairing time leave with the window"
    count = 3

    def attack(self) -> None:
        self.victim.ask("desk", OPEN_MS)
        for _ in range(self.count):
            self.peer(TcpPeer).connect().exchange(lambda: True)
        self.look()
        self.victim.wait_for(lambda report: not report["places"])
