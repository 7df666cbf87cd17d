"""Stateless cookies: who shows one has received at the address that it sends from.

A cookie is the beginning of HMAC(secret, connection id | ephemeral key | address). The secret is
random, changes every 30 s, and the one before it is still good (docs/wire-format.md, flights).
"""

from dsoftbus.const import COOKIE_BYTES

SECRET_MS = 30000
_SECRET_BYTES = 32


class Cookies:
    """`hash` is a suite's, `random(n)` cryptographic. An address is known by its `repr`."""

    def __init__(self, hash, random):
        self._hash = hash
        self._random = random
        self._secret = None
        self._earlier = None
        self._until = 0

    def make(self, opening: bytes, path, now: int) -> bytes:
        """The cookie for `opening` (connection id and ephemeral key) from `path`."""
        self._rotate(now)
        return self._cookie(self._secret, opening, path)

    def good(self, cookie: bytes, opening: bytes, path, now: int) -> bool:
        self._rotate(now)
        if cookie == self._cookie(self._secret, opening, path):
            return True
        return self._earlier is not None and cookie == self._cookie(self._earlier, opening, path)

    def _cookie(self, secret: bytes, opening: bytes, path) -> bytes:
        return self._hash.hmac(secret, opening + repr(path).encode())[:COOKIE_BYTES]

    def _rotate(self, now: int) -> None:
        if self._secret is None or now >= self._until:
            fresh = now < self._until + SECRET_MS
            self._earlier = self._secret if fresh else None
            self._secret = self._random(_SECRET_BYTES)
            self._until = now + SECRET_MS
