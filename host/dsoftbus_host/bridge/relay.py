"""The relay of a bridge: datagrams between addresses on the network and channels on a cable.

Commands, inputs and outputs as everywhere: `from_network` and `from_line` take a datagram,
`next_for_line` gives what the cable is to carry next. The relay has no keys. It looks at a
datagram's type and connection id, and believes neither: they choose a queue and a budget. The
board alone decides: each protected datagram that it sends to an address gives that address credit
for a few to the board. So a flood of the bridge does not take the cable from those that the board
talks with. A cable of 115200 baud carries 24 full datagrams in a second.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from dsoftbus.base.codec import get_u32
from dsoftbus.base.shares import Shares
from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.const import (
    COOKIE_BYTES,
    FLIGHT_HEADER,
    KEY_BYTES,
    PKT_COOKIE,
    REC_INIT,
    REC_PROTECTED,
    TAG_BYTES,
)
from dsoftbus.handshake.arrivals import host_of
from dsoftbus.session.cookies import Cookies
from dsoftbus.session.datagram_session import flight
from dsoftbus_host.bridge.channel_table import ANNOUNCED, CALLED, LIVE, STRANGER, Channels, Way

_OFFER = 3  # version, suite, pattern
_EPHEMERAL = FLIGHT_HEADER + _OFFER
_INIT_BYTES = _EPHEMERAL + KEY_BYTES + TAG_BYTES

WAITING = 16  # datagrams of one live way: 0.7 s of the cable at 115200 baud
WAITING_OTHERS = 16  # of all that are not live, together
WAITING_HOST = 4  # of these from one host, where more than half of the places are taken
CREDIT = (
    4  # datagrams to the board for each protected one of its own: it acknowledges every second
)
CREDIT_MAX = 64  # what a board can have under way, several times over
ANNOUNCED_MAX = (
    128  # channels of nodes that only announced themselves: half, the rest is for others
)
LIVE_RUN = 8  # datagrams of live ways, after which one of another has its turn
_SECOND_MS = 1000
# Datagrams in a second towards the cable, from addresses that are not live or have no credit. One
# half of each budget is kept for hosts within their share of it, a quarter.
HANDSHAKES_MS = 4000  # of the next three: a small board answers two in a second
OPENINGS = 4  # handshakes from addresses that have shown nothing
PROVED = 8  # handshakes from addresses that showed a cookie,
PROVED_HOST = 2  # and from one host, because the board cannot tell whose channels are one's
FLIGHTS = 8  # of handshakes that the board has answered or begun
EARLY = 8  # protected ones of such, and of live ones without credit
MOVED = 8  # protected ones for a connection id that a live way had: its peer has a new address
UNKNOWN = 4  # others: sessions of before this bridge was started
_PROVED_MS = 60000
_CROWDED_MS = 10000  # as long as a host tries to connect
_HOSTS = 256  # whose share is kept: as many as there are channels
_QUARTER = 4

# Why a datagram was dropped.
MALFORMED = "malformed"
OVERSIZE = "longer than the cable takes"
UNKNOWN_TYPE = "unknown type"
NO_CHANNEL = "no channel"
OVER_BUDGET = "over budget"
QUEUE_FULL = "queue full"


class Relay:
    """`suite` hashes, `random(n)` is cryptographic, `mtu` the line's. An address is anything that
    can be compared and has a stable `repr`."""

    def __init__(self, suite: Any, random: Any, mtu: int) -> None:
        self.channels = Channels()
        self.drops: Counter[str] = Counter()
        self.to_board = 0  # datagrams that the line was given
        self.from_board = 0  # that were passed on to the network
        self.cookies_asked = 0
        self._mtu = mtu
        self._cookies = Cookies(suite.hash, random)
        self._crowded_until = 0  # until then nobody begins without a cookie
        self._live: deque[Way] = deque()  # those with something waiting
        self._others: deque[tuple[Way, bytes]] = deque()
        self._run = 0  # datagrams of live ways since one of another
        self._openings = TokenBucket(OPENINGS, HANDSHAKES_MS)
        self._proved = Shares(PROVED, 0, PROVED_HOST, HANDSHAKES_MS, _HOSTS)
        self._flights = _shared(FLIGHTS)
        self._early = _shared(EARLY)
        self._moved = _shared(MOVED)
        self._unknown = _shared(UNKNOWN)

    # Inputs

    def from_network(self, data: bytes, address: Any, now: int) -> bytes | None:
        """Takes a datagram for the board; what it returns goes back to the sender."""
        flaw = self._flaw(data)
        if flaw:
            self.drops[flaw] += 1
            return None
        if data[0] == REC_INIT:
            return self._on_init(data, address, now)
        way = self.channels.to(address)
        if way is not None and way.credit and way.rank(now) == LIVE:
            self._queue_live(way, data, now)
        elif self._budget(data, way, now).take(host_of(address), now):
            self._queue_other(data, address, now)
        else:
            self.drops[OVER_BUDGET] += 1
        return None

    def from_line(self, data: bytes, channel: int, now: int) -> Any:
        """The address to which a datagram of the board goes, or None."""
        way = self.channels.at(channel)
        if way is None:
            self.drops[NO_CHANNEL] += 1
            return None
        flaw = self._flaw(data)
        if flaw:
            self.drops[flaw] += 1
            return None
        way.used = now
        if data[0] == REC_PROTECTED:
            way.live = now
            way.credit = min(way.credit + CREDIT, CREDIT_MAX)
        else:
            way.called = now
        self.from_board += 1
        return way.address

    def announced(self, address: Any, lifetime_ms: int, now: int) -> int:
        """The channel on which the board reaches a node that announced itself, 0 for none."""
        if self.channels.to(address) is None:
            self.channels.bound(ANNOUNCED, ANNOUNCED_MAX, now)
        way = self.channels.give(address, ANNOUNCED, now)
        if way is None:
            self.drops[NO_CHANNEL] += 1
            return 0
        way.used = now
        way.announced_until = now + lifetime_ms
        return way.channel

    def handle_timer(self, now: int) -> None:
        """Call it every few seconds."""
        self.channels.expire(now)

    # Outputs

    def next_for_line(self) -> tuple[bytes, int] | None:
        """(datagram, channel), the next that the cable is to carry."""
        while self._others or self._live:
            way, data = self._next()
            if self.channels.at(way.channel) is way:  # its channel may stand for another by now
                self.to_board += 1
                return data, way.channel
            self.drops[NO_CHANNEL] += 1
        return None

    @property
    def waiting(self) -> int:
        """Datagrams that wait for the cable."""
        return len(self._others) + sum(len(way.waiting) for way in self._live)

    def clear(self) -> None:
        """Drops all that waits, for there is no cable."""
        for way in self._live:
            way.waiting.clear()
        self._live.clear()
        self._others.clear()

    # Queues and budgets

    def _next(self) -> tuple[Way, bytes]:
        """Live ways take turns; one of another has its turn when they wait, or after a run."""
        if self._others and (not self._live or self._run >= LIVE_RUN):
            self._run = 0
            return self._others.popleft()
        self._run += 1
        way = self._live.popleft()
        data = way.waiting.popleft()
        if way.waiting:
            self._live.append(way)
        return way, data

    def _flaw(self, data: bytes) -> str:
        if len(data) <= FLIGHT_HEADER or get_u32(data, 1) < 0:
            return MALFORMED
        if len(data) > self._mtu:
            return OVERSIZE
        return "" if REC_INIT <= data[0] <= PKT_COOKIE else UNKNOWN_TYPE

    def _budget(self, data: bytes, way: Way | None, now: int) -> Shares:
        called = way is not None and way.rank(now) >= CALLED
        if data[0] != REC_PROTECTED:
            return self._flights if called else self._unknown
        if called:
            return self._early
        known = self.channels.with_id(get_u32(data, 1))
        return self._moved if known is not None and known.rank(now) == LIVE else self._unknown

    def _queue_live(self, way: Way, data: bytes, now: int) -> None:
        way.used = now
        way.credit -= 1
        if data[0] == REC_PROTECTED:
            self.channels.note_id(way, get_u32(data, 1))
        if len(way.waiting) >= WAITING:
            self.drops[QUEUE_FULL] += 1
            return
        if not way.waiting:
            self._live.append(way)
        way.waiting.append(data)

    def _queue_other(self, data: bytes, address: Any, now: int) -> None:
        way = self.channels.give(address, STRANGER, now)
        if way is None:
            self.drops[NO_CHANNEL] += 1
        elif not self._has_place(host_of(address)):
            self.drops[QUEUE_FULL] += 1
        else:
            way.used = now
            self._others.append((way, data))

    def _has_place(self, host: Any) -> bool:
        """Returns whether one datagram more of `host`, which is not live, may wait."""
        own = sum(host_of(way.address) == host for way, _ in self._others)
        waiting = len(self._others)
        return waiting < WAITING_OTHERS // 2 or (waiting < WAITING_OTHERS and own < WAITING_HOST)

    # Handshakes

    def _on_init(self, data: bytes, address: Any, now: int) -> bytes | None:
        """When strangers go past their budget, an initiator has to show that it receives at its
        address; the bridge asks for that in the board's place, and keeps nothing."""
        if len(data) not in (_INIT_BYTES, _INIT_BYTES + COOKIE_BYTES):
            self.drops[MALFORMED] += 1
            return None
        opening = data[1:FLIGHT_HEADER] + data[_EPHEMERAL : _EPHEMERAL + KEY_BYTES]
        cookie = data[_INIT_BYTES:]
        own = bool(cookie) and self._cookies.good(cookie, opening, address, now)
        if own or self._is_proved(address, now):
            # A cookie of the board's own goes on to the board; it comes from a proved address.
            self._on_proved(data[:_INIT_BYTES] if own else data, address, now)
        elif self._is_crowded(now):
            self.cookies_asked += 1
            return flight(PKT_COOKIE, get_u32(data, 1), self._cookies.make(opening, address, now))
        else:
            self._queue_other(data, address, now)
        return None

    def _is_crowded(self, now: int) -> bool:
        """More handshakes than the budget has were begun in the last seconds, by strangers."""
        if not self._openings.take(now):
            self._crowded_until = now + _CROWDED_MS
        return now < self._crowded_until

    def _is_proved(self, address: Any, now: int) -> bool:
        way = self.channels.to(address)
        return way is not None and (now < way.proved_until or way.rank(now) == LIVE)

    def _on_proved(self, data: bytes, address: Any, now: int) -> None:
        if not self._proved.take(host_of(address), now):
            self.drops[OVER_BUDGET] += 1
            return
        self._queue_other(data, address, now)
        way = self.channels.to(address)
        if way is not None:
            way.proved_until = now + _PROVED_MS


def _shared(tokens: int) -> Shares:
    """A budget of so many in a second."""
    half = tokens // 2
    return Shares(tokens - half, half, tokens // _QUARTER, _SECOND_MS, _HOSTS)
