"""Sessions whose address moves to that of somebody who never asked for what then comes.

The attacker has a session of its own, and sends from a second address, as if it were its target's;
what arrives there, it counts. On loopback every address of 127/8 is its own.
"""

from __future__ import annotations

import contextlib

from attack.attacker import Attacker
from attack.crowd import BIG
from attack.sharing import begin_to_fetch
from attack.wire import UdpPeer, bound, pending
from dsoftbus.base.codec import get_u32
from dsoftbus.const import BODY_NONE, BODY_PROBE, PACKET_HEADER, WINDOW_UPDATE
from pairs import frame, u32

TARGET = "127.0.0.66"
BIG_BYTES = 2_000_000
WARM_BYTES = 20_000
TIMES = 3  # at most three times what came from there: docs/security.md


class Moved(Attacker):
    """Asks for a file, gives endless credit, and then acknowledges from the target's address.

    It is given what an attacker has to guess: the numbers of the packets that came to the target.
    """

    name = "moved, acknowledging"
    role = "insider"
    promise = "an address that has not answered gets at most three times what came from there"
    count = 150

    def attack(self) -> None:
        peer = self.peer(UdpPeer).connect()
        stream = begin_to_fetch(peer, BIG)
        peer.exchange(lambda: stream.readable > WARM_BYTES)
        with contextlib.closing(bound(TARGET)) as target:
            self.seen = peer.session.protection._window.largest
            said = self.say(peer, target, self.credit(peer))
            arrived = self.arrivals(target, 0.05)
            for i in range(self.count):
                said += self.say(peer, target, self.lie(peer, i))
                arrived += self.arrivals(target, 0.002)
            arrived += self.arrivals(target, 0.5)
        peer.received += arrived
        if arrived > TIMES * said:
            self.effect(f"{arrived} bytes came to the target for {said}")

    def say(self, peer, target, packet: bytes) -> int:
        """One packet from the target's address."""
        peer.send(packet, socket=target)
        return len(packet)

    def arrivals(self, target, quiet_s: float) -> int:
        """Bytes that came to the target; the largest packet number is noted."""
        found = pending(target, quiet_s)
        for data in found:
            self.seen = max(self.seen, get_u32(data, PACKET_HEADER - 4))
        return sum(map(len, found))

    def credit(self, peer) -> bytes:
        """The next segment of the attacker's side: as much credit as can be given."""
        number = peer.session.reliable._outbox._next
        more = u32(1 << 28)
        return peer.segment(number, frame(WINDOW_UPDATE, 0, more), frame(WINDOW_UPDATE, 1, more))

    def lie(self, peer, i: int) -> bytes:
        return peer.acknowledgement(self.seen)


class MovedQuietly(Moved):
    """The same, but the packets ask for nothing and acknowledge nothing."""

    name = "moved, empty packets"

    def lie(self, peer, i: int) -> bytes:
        return peer.sealed(bytes((BODY_NONE,)))


class MovedAsking(Moved):
    """The same, but each packet asks for an acknowledgement."""

    name = "moved, probes"

    def lie(self, peer, i: int) -> bytes:
        return peer.sealed(bytes((BODY_PROBE,)))


class MovedGuessing(Moved):
    """Cannot see what comes to the target, and guesses how far the numbers have gone."""

    name = "moved, guessing"

    def lie(self, peer, i: int) -> bytes:
        self.seen += 1
        return peer.acknowledgement(self.seen)

    def arrivals(self, target, quiet_s: float) -> int:
        return sum(map(len, pending(target, quiet_s)))


class ThereAndBack(Moved):
    """Moves to the target and back with every packet: each move may have a fresh allowance."""

    name = "moved there and back"

    def lie(self, peer, i: int) -> bytes:
        peer.send(peer.acknowledgement(self.seen))  # from its own address
        return peer.acknowledgement(self.seen)


ATTACKERS = (Moved, MovedQuietly, MovedAsking, MovedGuessing, ThereAndBack)
