"""Rules, names and revocation: a peer that is trusted, or was, wants to have more or to stay."""

from __future__ import annotations

import os

from attack.attacker import Attacker
from attack.crowd import BIG
from attack.sharing import begin_to_fetch
from attack.wire import SUITE, TcpPeer
from dsoftbus.const import KEYS_STREAM, KIND_MESSAGES
from dsoftbus.errors import BusError
from dsoftbus.identity import device_id
from dsoftbus.mux.stream_states import RESET
from dsoftbus.trust.rotation import TAKEN, announce

GRACE_S = 3600
BIG_BYTES = 20_000_000


def ground(beginning: str) -> bytes:
    """A secret whose device id begins so: 32 tries a character, to its power."""
    while True:
        secret = os.urandom(32)
        if device_id(SUITE.keypair(secret).public).startswith(beginning):
            return secret


def say_next(peer: TcpPeer, secret: bytes) -> bool:
    """Announces the next key of `peer` in its session; whether it was taken."""
    message = announce(SUITE, peer.session, SUITE.keypair(secret), GRACE_S)
    try:
        stream = peer.session.open(KEYS_STREAM, 1, KIND_MESSAGES)
        peer.exchange(lambda: stream.max_message >= 0 or stream.state >= RESET)
        if not stream.send_message(message):
            return False
        stream.finish()
    except BusError:
        return False
    peer.exchange(lambda: stream.message_bytes >= 0 or stream.state >= RESET)
    taken = stream.message_bytes == len(TAKEN)
    if taken:
        stream.recv_message_into(bytearray(len(TAKEN)))
        peer.exchange(lambda: stream.at_end)
    return taken


class Served(Attacker):
    """Has what it wants from `stream`, which its owner took from it."""

    name = "a stream that was taken away"
    promise = "what the owner took away stays taken"
    stream = "echo"

    def attack(self) -> None:
        peer = self.peer(TcpPeer).connect()
        if peer.greeted and peer.echo(self.stream):
            self.effect(f"{self.stream} was served")
        peer.socket.close()


class ByNextKey(Served):
    """Announces its next key, comes back with that, and tries again."""

    name = "out of a rule by a new key"
    promise = "rules follow a peer whose key moves, and the old key keeps nothing"

    def attack(self) -> None:
        self.next = os.urandom(32)
        with self.peer(TcpPeer).connect() as peer:
            peer.exchange(lambda: True)
            self.moved = say_next(peer, self.next)
        if self.moved:
            for secret in (self.next, self.secret):
                with self.peer(TcpPeer, secret=secret).connect() as peer:
                    if peer.greeted and peer.echo(self.stream):
                        self.effect(f"{self.stream} was served")


class NextFlood(Attacker):
    """Announces one next key after the other: each costs the victim a scalar multiplication and
    a write, if it lets that happen."""

    name = "next keys without end"
    role = "insider"
    promise = "next keys are written on change only, and few in an hour"
    count = 100
    in_a_session = 25

    def __init__(self, victim, seed: int = 1, secret=None) -> None:
        super().__init__(victim, seed, secret)
        self.taken = 0
        self.over = False

    def attack(self) -> None:
        secrets = [os.urandom(32) for _ in range(self.count)]
        for begin in range(0, self.count, self.in_a_session):
            with self.peer(TcpPeer).connect() as peer:
                for secret in secrets[begin : begin + self.in_a_session]:
                    if self.over or not peer.greeted or peer.session.closed:
                        break
                    self.taken += say_next(peer, secret)


class SameNext(NextFlood):
    """The same next key again and again, in session after session."""

    name = "one next key, again and again"

    def attack(self) -> None:
        secret = os.urandom(32)
        for _ in range(self.count // 10):
            with self.peer(TcpPeer).connect() as peer:
                for _ in range(10):
                    if not peer.greeted or peer.session.closed:
                        break
                    self.taken += say_next(peer, secret)


class StaysWhileRevoked(NextFlood):
    """Makes the victim save its store as often as it can, while the owner throws it out; and
    then wants to be served."""

    name = "revoked while the store is saved"
    promise = "revocation wins"
    count = 2000
    in_a_session = 500

    def come_back(self) -> None:
        with self.peer(TcpPeer).connect() as peer:
            if peer.greeted and peer.echo():
                self.effect("the peer that was unpaired is served")


class FetchesWhileRevoked(Attacker):
    """Is in the midst of fetching a file when the owner throws it out; `revoke()` does that."""

    name = "revoked in the midst of a file"
    promise = StaysWhileRevoked.promise
    role = "insider"

    def attack(self) -> None:
        with self.peer(TcpPeer).connect() as peer:
            stream = begin_to_fetch(peer, BIG)
            peer.exchange(lambda: stream.readable > 0)
            self.revoke()
            got = 0
            while not peer.session.closed and got < BIG_BYTES:
                got += len(stream.recv(4096)) if stream.readable else 0
                peer.send(peer.taken())
                if not peer.receive():
                    break
            if got >= BIG_BYTES or not peer.session.closed:
                self.effect("the file went on after the peer was thrown out")

    def revoke(self) -> None:
        raise NotImplementedError
