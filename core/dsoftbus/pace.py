"""How often: token buckets, in injected ms."""

from collections import OrderedDict


class TokenBucket:
    """`tokens` at once, refilled evenly over `period_ms`. Both small, so that all stays small."""

    def __init__(self, tokens: int, period_ms: int):
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


class Shares:
    """Tokens over `period_ms` for all hosts: so many are `kept` for hosts within their `share` of
    them, others are `free` for whoever comes. So no host alone keeps others from theirs.

    At most `hosts` of them are told apart; of more, the one that asked longest ago is forgotten.
    """

    def __init__(self, kept: int, free: int, share: int, period_ms: int, hosts: int):
        self._kept = TokenBucket(kept, period_ms)
        self._free = TokenBucket(free, period_ms)
        self._share = share
        self._period = period_ms
        self._most = hosts
        self._hosts = OrderedDict()

    def take(self, host, now: int) -> bool:
        """Takes a token for `host`; False when there is none."""
        if self._of(host).take(now) and self._kept.take(now):
            return True
        return self._free.take(now)

    def _of(self, host) -> TokenBucket:
        bucket = self._hosts.pop(host, None)
        if bucket is None:
            if len(self._hosts) >= self._most:
                del self._hosts[next(iter(self._hosts))]
            bucket = TokenBucket(self._share, self._period)
        self._hosts[host] = bucket  # the last one asked stands last
        return bucket
