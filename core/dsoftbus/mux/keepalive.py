"""Keepalive: a probe after three idle intervals, dead after nine; the ping's nonce is checked."""

from dsoftbus.const import KEEPALIVE_DEAD, KEEPALIVE_PROBE, U30_MAX
from dsoftbus.errors import STALE_REPLY, PeerError

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Deadline


ALIVE = 0
PROBE = 1
DEAD = 2


class Keepalive:
    """Times are in ms. One ping is under way at most; `interval_ms` 0 turns it off."""

    def __init__(self, interval_ms: int, now: int) -> None:
        self._interval = interval_ms
        self.yields_ms = 0  # how much later than its peer this end probes: one of them is enough
        self.heard = now  # the pump sets it with every authenticated record
        self._probed = now
        self._asked = -1  # the nonce of the ping under way
        self._next_nonce = 0
        self._asked_at = 0
        self.rtt_ms = -1  # of the last ping that was answered
        self.on_answer: Callable[[], object] | None = None  # on_answer() hears of each answer

    def deadline(self) -> "Deadline":
        """Returns when check() is due, in ms, or None."""
        if not self._interval:
            return None
        dead = self.heard + self._interval * KEEPALIVE_DEAD
        probe = max(self.heard, self._probed) + self._interval * KEEPALIVE_PROBE + self.yields_ms
        return min(dead, probe)

    def check(self, now: int) -> int:
        """ALIVE, PROBE (send a ping) or DEAD."""
        if not self._interval or now < self.deadline():  # type: ignore[operator] # it has one
            return ALIVE
        if now >= self.heard + self._interval * KEEPALIVE_DEAD:
            return DEAD
        self._probed = now
        return PROBE

    @property
    def waiting(self) -> bool:
        """A ping is under way. A second one would make the answer to the first a stale reply."""
        return self._asked >= 0

    def ask(self, now: int) -> int:
        """The nonce for a new ping; only while none is under way."""
        self._asked = self._next_nonce
        self._asked_at = now
        self._next_nonce = (self._next_nonce + 1) & U30_MAX
        return self._asked

    def answered(self, nonce: int, now: int) -> None:
        """Takes the nonce of a PONG; a stale, unknown or repeated one raises PeerError."""
        if nonce < 0 or nonce != self._asked:
            raise PeerError(STALE_REPLY, "pong")
        self._asked = -1
        self.rtt_ms = now - self._asked_at
        if self.on_answer is not None:
            self.on_answer()
