"""Stateless cookies: who shows one has received at the address that it sends from.

A cookie is the beginning of HMAC(secret, connection id | ephemeral key | address). The secret is
random, changes every 30 s, and the one before it is still good (docs/wire-format.md, flights).
"""

from dsoftbus.const import COOKIE_BYTES
from dsoftbus.link.drops import COOKIE_ASKED, OVER_BUDGET
from dsoftbus.pace import TokenBucket
from dsoftbus.session.door import ADMITTED, SECOND_MS, Door

SECRET_MS = 30000
_SECRET_BYTES = 32


class Cookies(Door):
    """A door to a network, where anyone may send in anyone's name.

    Half of the budget is for openings as they come, half for those with a cookie, which then have
    a place however many of the others there are. An address is known by its `repr`.
    """

    def __init__(self, local):
        handshakes = local.profile.handshakes
        self._budget = TokenBucket(handshakes // 2, SECOND_MS)
        self._proved_budget = TokenBucket((handshakes + 1) // 2, SECOND_MS)
        self._hash = next(iter(local.suites.values())).hash  # any of them
        self._random = local.random
        self._secret = None
        self._earlier = None
        self._until = 0

    def proved(self, cookie: bytes, opening: bytes, path, now: int) -> bool:
        if not cookie:
            return False
        self._rotate(now)
        if cookie == self._cookie(self._secret, opening, path):
            return True
        return self._earlier is not None and cookie == self._cookie(self._earlier, opening, path)

    def refusal(self, proved: bool, crowded: bool, now: int) -> int:
        if proved:
            taken = self._proved_budget.take(now) or self._budget.take(now)
            return ADMITTED if taken else OVER_BUDGET
        return COOKIE_ASKED if crowded or not self._budget.take(now) else ADMITTED

    def make(self, opening: bytes, path, now: int) -> bytes:
        """The cookie for `opening` (connection id and ephemeral key) from `path`."""
        self._rotate(now)
        return self._cookie(self._secret, opening, path)

    def _cookie(self, secret: bytes, opening: bytes, path) -> bytes:
        return self._hash.hmac(secret, opening + repr(path).encode())[:COOKIE_BYTES]

    def _rotate(self, now: int) -> None:
        if self._secret is None or now >= self._until:
            fresh = now < self._until + SECRET_MS
            self._earlier = self._secret if fresh else None
            self._secret = self._random(_SECRET_BYTES)
            self._until = now + SECRET_MS
