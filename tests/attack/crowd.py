"""Crowds: connections, handshakes and sessions that are to leave no room for others.

These hold their connections until the attack ends, so that an honest peer that comes meanwhile has
to find its place among them. `Cost.places` says how many they had.
"""

from __future__ import annotations

import contextlib
import socket
import time

from attack.attacker import Attacker
from attack.sharing import begin_to_fetch
from attack.wire import ATTACKER, WAIT_S, TcpPeer, UdpPeer, fresh_init, pending
from dsoftbus.const import FLIGHT_HEADER, PKT_COOKIE, REC_INIT
from dsoftbus.identity import device_id

CONNECTIONS = 32
BIG = "honest-big.bin"  # the victim has it, so that there is something to send
EXPECTED = ("PeerError", "LocalError", "OSError", "ConnectionResetError", "BrokenPipeError")
# So many wait for a node to take them; on a board one more would come a second later.
QUEUE = {"host": 8, "micropython": 4}


class Held:
    """A bare TCP connection that says what it is told and no more."""

    def __init__(self, at: tuple, _public: bytes, says: bytes = b"", **_: object) -> None:
        self.sent = self.received = 0
        self.socket = socket.create_connection(at, WAIT_S, (ATTACKER, 0))
        self.say(says)

    def say(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # it was closed: so it goes
            self.socket.sendall(data)
            self.sent += len(data)

    def answers(self) -> int:
        """Reads what has come, without waiting; how many bytes that was."""
        self.socket.setblocking(False)
        before = self.received
        with contextlib.suppress(OSError):
            while data := self.socket.recv(4096):
                self.received += len(data)
        return self.received - before


class BetweenReplyAndFinish(Attacker):
    """An honest peer has its REPLY; then many connect that say `says`; then it goes on."""

    promise = "a handshake that has its REPLY is not evicted by connections that said nothing"
    role = "honest"
    says = b""
    count = CONNECTIONS

    def attack(self) -> None:
        honest = self.peer(TcpPeer, source="127.0.0.2").greet()
        self.look()
        for i in range(self.count):
            self.peer(Held, says=self.says)
            if (i + 1) % QUEUE[self.victim.kind] == 0:
                self.look()
        self.look()
        honest.send(honest.finish)
        if not honest.echo():
            self.effect("the honest handshake was lost")


class Silent(BetweenReplyAndFinish):
    name = "silent connections"


class HalfARecord(BetweenReplyAndFinish):
    """As slow readers do it: a length, and the beginning of what it promises."""

    name = "half a record"
    says = b"\x00\x34\x01\x01"


class ReplayedInit(Attacker):
    """One recorded INIT, over many connections: each costs the victim a handshake, and the
    attacker nothing."""

    name = "one INIT, many connections"
    promise = "handshakes over TCP have a budget, as those over UDP"
    count = 200

    def attack(self) -> None:
        self.began = time.monotonic()
        self.recorded = self.peer(TcpPeer).taken()
        for _ in range(self.count):
            with contextlib.suppress(OSError):
                held = self.peer(Held, says=self.opening())
                self.look()  # it has had its turn by now
                held.answers()
                held.socket.close()
        self.seconds = time.monotonic() - self.began

    def opening(self) -> bytes:
        return self.recorded


class FreshInits(ReplayedInit):
    """The same with a fresh key each time."""

    name = "fresh INITs, many connections"

    def opening(self) -> bytes:
        body = fresh_init(0)[FLIGHT_HEADER:]
        return bytes((0, len(body) + 1, REC_INIT)) + body


class RefusedUdp(Attacker):
    """Strangers with keys of their own end their handshakes, are refused, and never answer."""

    name = "refused strangers, UDP"
    promise = "a refused stranger holds no place"
    count = 6
    looks = 3  # turns of the victim's loop: its answer to the stranger leaves in one of its own

    def attack(self) -> None:
        for i in range(self.count):
            peer = self.peer(UdpPeer, source=f"127.0.0.{2 + i}").greet()
            if peer.greeted:
                peer.send(peer.finish)
            if all(self._is_held(peer) for _ in range(self.looks)):
                self.effect("a stranger that was refused holds a place")

    def _is_held(self, peer: UdpPeer) -> bool:
        return device_id(peer.local.static.public) in self.look()["peers"]


class EveryPlace(Attacker):
    """One peer that is let in opens as many sessions as it can."""

    name = "one peer, every place"
    role = "insider"
    promise = "each peer has its share of the places"
    count = 6
    link: type = TcpPeer

    def attack(self) -> None:
        for _ in range(self.count):
            peer = self.peer(self.link).greet()
            if peer.greeted:
                peer.connect() if self.link is UdpPeer else peer.send(peer.finish)
        self.look()


class EveryPlaceUdp(EveryPlace):
    name = "one peer, every place, UDP"
    link = UdpPeer


class FirstAnswers(Attacker):
    """An opening, sent once, and all that ever comes back for it."""

    name = "answers to one opening"
    promise = "first answers to an opening stay within twice its length"

    def attack(self) -> None:
        first = self.peer(UdpPeer)
        (opening,) = first.taken()
        asked = {first: opening}  # each from a port of its own: an answer may come late
        for data in (opening[:40], fresh_init(7), opening + bytes(16)):
            asked[self.peer(UdpPeer)] = data
        for peer, data in asked.items():
            peer.send(data)
        self._weigh(asked)
        first.send(opening)
        self._weigh({first: opening})

    def _weigh(self, asked: dict) -> None:
        """Compares what has come to each, once the victim has had its turn with all of them."""
        for _ in range(2):  # what came before the first question it has read before the second
            self.look()
        for peer, data in asked.items():
            answers = sum(map(len, pending(peer.socket)))
            peer.received += answers
            if answers > 2 * len(data):
                self.effect(f"{answers} bytes came for {len(data)}")


class ElsewhereWithTheCookie(Attacker):
    """A cookie that was given to one address, shown by another; and one recorded opening, from
    address after address: nobody gets more than twice what is sent in its name."""

    name = "cookie and INIT of another address"
    promise = "a cookie is good at its address, and an opening is answered once"
    count = 40

    def attack(self) -> None:
        first = self.peer(UdpPeer)
        (opening,) = first.taken()
        for i in range(self.count):
            other = self.peer(UdpPeer, source=f"127.0.1.{1 + i}")
            first.send(opening)
            answers = pending(first.socket, 0.01)
            cookies = [data[FLIGHT_HEADER:] for data in answers if data[0] == PKT_COOKIE]
            before = other.sent
            for cookie in (b"", *cookies):
                other.send(opening + cookie)
            came = sum(map(len, pending(other.socket, 0.02)))
            other.received += came
            if came > 2 * (other.sent - before):
                self.effect(f"{came} bytes came to an address for {other.sent - before}")


class ResetMidway(Attacker):
    """Asks for a file, over TCP, and is gone by RST: before, in the midst, with much unread."""

    name = "RST in the midst"
    promise = "what a peer does to its link ends its session, and nothing else"
    role = "insider"
    count = 24

    def attack(self) -> None:
        before = len(self.look()["errors"])
        for i in range(self.count):
            peer = self.peer(TcpPeer)
            if i % 4:
                peer.greet()
                peer.send(peer.finish)
            if i % 4 > 1:
                begin_to_fetch(peer, BIG)
                peer.send(peer.taken())
            if i % 4 > 2:
                peer.receive()
            peer.reset()
        told = self.look()["errors"][before:]
        self._effects += [error for error in told if not error.startswith(EXPECTED)]


ATTACKERS = (
    Silent,
    HalfARecord,
    ReplayedInit,
    FreshInits,
    RefusedUdp,
    EveryPlace,
    EveryPlaceUdp,
    FirstAnswers,
    ElsewhereWithTheCookie,
    ResetMidway,
)
