"""The window for pairings: open for a time, for a bounded number of attempts, one by one."""

from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.errors import PAIRING_CLOSED, PAIRING_LIMIT, LocalError

if False:  # for types
    from dsoftbus.contracts import Any, Random
    from dsoftbus.trust.pairing import Pairing


OPEN_MS = 300000  # time to walk to the other device and back
_ATTEMPTS = 3  # in a minute: a person cannot compare more
_ATTEMPTS_MS = 60000
# Failures of attempts that showed digits: then the owner must open the desk anew. Only what showed
# digits could have been agreed to, so 5 in 10^6 is the attacker's chance.
_FAILURES = 5
_HOST_FAILURES = 3  # of one host, whatever they showed: it cannot close the desk to others


class PairingWindow:
    """The pairings of one node, one at a time. `random(n)` gives nonces."""

    def __init__(self, random: "Random") -> None:
        self._random = random
        self._bucket = TokenBucket(_ATTEMPTS, _ATTEMPTS_MS)
        self._again = TokenBucket(_ATTEMPTS, _ATTEMPTS_MS)  # of hosts that have failed already
        self._until = 0
        self._failures = 0
        self._failed_by: dict[Any, int] = {}  # by host, while the desk is open
        self._host: Any = None  # where the peer of the attempt under way is
        self.current: Pairing | None = None  # the Pairing under way

    def open(self, now: int, for_ms: int = OPEN_MS) -> None:
        """The owner of this node wants pairings for so long."""
        self._until = now + for_ms
        self._failures = 0
        self._failed_by = {}

    def close(self) -> None:
        self._until = 0
        if self.current is not None:
            self.current.cancel()

    @property
    def until(self) -> int:
        """The time at which the window closes, in ms; in the past once it has."""
        return self._until

    def is_open(self, now: int) -> bool:
        return now < self._until

    def refusal(self, now: int) -> int:
        """0 when a peer may begin a pairing now, else the code that says why not."""
        if not self.is_open(now):
            return PAIRING_CLOSED
        busy = self.current is not None and not self.current.ended
        return PAIRING_LIMIT if busy or self._failures >= _FAILURES else 0

    def begin(
        self, opener: bool, handshake_hash: bytes, now: int, host: "Any" = None
    ) -> "Pairing":
        """A new `Pairing`; `host` is where the peer that asked for it is. Raises LocalError with
        the code of `refusal`, or PAIRING_LIMIT."""
        code = self.refusal(now)
        failed = self._failed_by.get(host, 0)
        bucket = self._again if failed else self._bucket
        if code or failed >= _HOST_FAILURES or not bucket.take(now):
            raise LocalError(code or PAIRING_LIMIT)
        from dsoftbus.trust.pairing import Pairing  # only who pairs pays for it

        self._host = host
        self.current = Pairing(opener, handshake_hash, self._random, now)
        return self.current

    def withdraw(self) -> None:
        """The attempt under way gives way, and is no failure."""
        self.current = None

    def settle(self) -> None:
        """The attempt under way has ended: a success closes the desk, failures add up."""
        host = self._host
        pairing = self.current
        if pairing is None or not pairing.ended:
            return
        self.current = None
        if pairing.paired:
            self._until = 0
            return
        if host is not None:
            self._failed_by[host] = self._failed_by.get(host, 0) + 1
        if pairing.digits:
            self._failures += 1
            if self._failures >= _FAILURES:
                self._until = 0
