"""Where pairings are taken: open for a time, one attempt after the other, so many and no more."""

from dsoftbus.errors import PAIRING_CLOSED, PAIRING_LIMIT, LocalError
from dsoftbus.pace import TokenBucket

OPEN_MS = 300000  # time to walk to the other device and back
_ATTEMPTS = 3  # in a minute: a person cannot compare more
_ATTEMPTS_MS = 60000
_FAILURES = 5  # then the owner must open the desk anew; 5 in 10^6 is the attacker's chance


class Desk:
    """The pairings of one node, one at a time. `random(n)` gives nonces."""

    def __init__(self, random):
        self._random = random
        self._bucket = TokenBucket(_ATTEMPTS, _ATTEMPTS_MS)
        self._until = 0
        self._failures = 0
        self.current = None  # the Pairing under way

    def open(self, now: int, for_ms: int = OPEN_MS) -> None:
        """The owner of this node wants pairings for so long."""
        self._until = now + for_ms
        self._failures = 0

    def close(self) -> None:
        self._until = 0
        if self.current is not None:
            self.current.cancel()

    def is_open(self, now: int) -> bool:
        return now < self._until

    def refusal(self, now: int) -> int:
        """0 when a peer may begin a pairing now, else the code that says why not."""
        if not self.is_open(now):
            return PAIRING_CLOSED
        busy = self.current is not None and not self.current.ended
        return PAIRING_LIMIT if busy or self._failures >= _FAILURES else 0

    def begin(self, opener: bool, handshake_hash: bytes, now: int):
        """A new `Pairing`. Raises LocalError with the code of `refusal`, or PAIRING_LIMIT."""
        code = self.refusal(now)
        if code or not self._bucket.take(now):
            raise LocalError(code or PAIRING_LIMIT)
        from dsoftbus.trust.pairing import Pairing  # only who pairs pays for it

        self.current = Pairing(opener, handshake_hash, self._random, now)
        return self.current

    def withdraw(self) -> None:
        """The attempt under way gives way, and is no failure."""
        self.current = None

    def settle(self) -> None:
        """The attempt under way has ended: a success closes the desk, failures add up."""
        pairing = self.current
        if pairing is None or not pairing.ended:
            return
        self.current = None
        if pairing.paired:
            self._until = 0
        else:
            self.failed()

    def failed(self) -> None:
        """An attempt failed, here or by a wrong token."""
        self._failures += 1
        if self._failures >= _FAILURES:
            self._until = 0
