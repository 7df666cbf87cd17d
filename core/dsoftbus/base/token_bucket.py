"""Token buckets, which limit rates, in injected ms."""


class TokenBucket:
    """`tokens` at once, refilled evenly over `period_ms`. Both small, so that all stays small."""

    def __init__(self, tokens: int, period_ms: int) -> None:
        self._tokens = tokens
        self._period = period_ms
        self._level = tokens * period_ms
        self._at = 0

    def take(self, now: int) -> bool:
        """Takes a token; False when there is none."""
        elapsed = min(now - self._at, self._period)
        self._at = now
        level = min(self._level + elapsed * self._tokens, self._tokens * self._period)
        enough = level >= self._period
        self._level = level - self._period if enough else level
        return enough
