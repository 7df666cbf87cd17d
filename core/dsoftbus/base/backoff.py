"""Exponential backoff: the wait after failures, in injected ms."""

if False:  # for types
    from dsoftbus.contracts import Random


_FIRST_MS = 1000
_LAST_MS = 60000  # the field's usual bounds of a connect backoff


class Backoff:
    """Waits 1 s after the first failure, doubling to 60 s.

    With `random(n)` up to a quarter more, by chance: those that lost the same peer at the same
    moment do not all come back at the same moment.
    """

    def __init__(self, random: "Random | None" = None) -> None:
        self._random = random
        self._delay_ms = 0
        self.until = 0  # no attempt before this time

    def failed(self, now: int) -> None:
        self._delay_ms = min(self._delay_ms * 2 or _FIRST_MS, _LAST_MS)
        self.until = now + self._delay_ms
        if self._random is not None:
            self.until += self._delay_ms * self._random(1)[0] // 1024

    def reset(self) -> None:
        self._delay_ms = self.until = 0
