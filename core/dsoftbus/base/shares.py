"""Rate limits for many hosts at once: each has a share that no other can take."""

from collections import OrderedDict

from dsoftbus.base.token_bucket import TokenBucket

if False:  # for types
    from dsoftbus.contracts import Any


class Shares:
    """Tokens over `period_ms` for all hosts: so many are `kept` for hosts within their `share` of
    them, others are `free` for all. So no host alone keeps others from theirs.

    At most `hosts` of them are told apart; of more, the one that asked longest ago is forgotten.
    """

    def __init__(self, kept: int, free: int, share: int, period_ms: int, hosts: int) -> None:
        self._kept = TokenBucket(kept, period_ms)
        self._free = TokenBucket(free, period_ms)
        self._share = share
        self._period = period_ms
        self._most = hosts
        self._hosts: OrderedDict[Any, TokenBucket] = OrderedDict()

    def take(self, host: "Any", now: int) -> bool:
        """Takes a token for `host`; False when there is none."""
        if self._of(host).take(now) and self._kept.take(now):
            return True
        return self._free.take(now)

    def _of(self, host: "Any") -> TokenBucket:
        bucket = self._hosts.pop(host, None)
        if bucket is None:
            if len(self._hosts) >= self._most:
                del self._hosts[next(iter(self._hosts))]
            bucket = TokenBucket(self._share, self._period)
        self._hosts[host] = bucket  # the last one asked stands last
        return bucket
