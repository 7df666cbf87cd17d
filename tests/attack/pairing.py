"""Pairing: strangers that come while a node waits for a peer to pair with."""

from __future__ import annotations

import os

from attack.attacker import Attacker
from attack.wire import TcpPeer
from dsoftbus.const import KIND_MESSAGES, PAIR_STREAM
from dsoftbus.errors import BusError
from dsoftbus.session.states import RESET
from dsoftbus.trust.pairing import CANCEL, COMMIT, CONFIRM, NONCE, REVEAL, VERSION, commitment


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
    count = 2

    def attack(self) -> None:
        for _ in range(self.count):
            with self.peer(TcpPeer).connect() as peer:
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
    count = 8

    def pester(self, peer: TcpPeer) -> None:
        talk = Talking(peer)
        talk.say(CANCEL, b"\x87")
        talk.heard()


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


PESTERERS = (ComeAndGo, Cancel, CommitAndLeave, RevealAnother, Garbage)


class Lingerer(Attacker):
    """A stranger that came while pairings were taken, and stays when that is over."""

    name = "strangers that stay"
    promise = "strangers from pairing time leave with the window"
    count = 3

    def attack(self) -> None:
        victim = self.victim
        victim.ask("desk", 60000)
        peers = [self.peer(TcpPeer).connect() for _ in range(self.count)]
        for peer in peers:
            peer.exchange(lambda: True)
        self.look()
        victim.ask("desk", 0)
        for peer in peers:
            peer.socket.settimeout(QUIET_S)
            peer.heard_until_closed()
        if self.look()["places"]:
            self.effect("strangers have places though nobody takes pairings any more")


QUIET_S = 5  # a session that is not ended says nothing for that long
