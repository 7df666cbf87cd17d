"""How often: token buckets, in injected ms."""


class TokenBucket:
    """`tokens` at once, refilled evenly over `period_ms`. Both small, so that all stays small."""

    def __init__(self, tokens: int, period_ms: int):
        self._tokens = tokens
        self._period = period_ms
        self._level = tokens * period_ms
        self.at = 0  # when it was asked last

    def take(self, now: int) -> bool:
        """Takes a token; False when there is none."""
        elapsed = min(now - self.at, self._period)
        self.at = now
        level = min(self._level + elapsed * self._tokens, self._tokens * self._period)
        enough = level >= self._period
        self._level = level - self._period if enough else level
        return enough


class Shares:
    """`tokens` over `period_ms` for all hosts: one half is kept for hosts within their `share` of
    it, the other is free for whoever comes. So no host alone keeps others from theirs.

    At most `hosts` of them are told apart; of more, the one that asked longest ago is forgotten.
    """

    def __init__(self, tokens: int, share: int, period_ms: int, hosts: int):
        self._kept = TokenBucket((tokens + 1) // 2, period_ms)
        self._free = TokenBucket(tokens // 2, period_ms)
        self._share = share
        self._period = period_ms
        self._most = hosts
        self._hosts = {}

    def take(self, host, now: int) -> bool:
        """Takes a token for `host`; False when there is none."""
        if self._of(host).take(now) and self._kept.take(now):
            return True
        return self._free.take(now)

    def _of(self, host) -> TokenBucket:
        bucket = self._hosts.get(host)
        if bucket is None:
            if len(self._hosts) >= self._most:
                del self._hosts[min(self._hosts, key=lambda known: self._hosts[known].at)]
            bucket = self._hosts[host] = TokenBucket(self._share, self._period)
        return bucket
