"""Stateless cookies: who shows one has received at the address that it sends from.

A cookie is the beginning of HMAC(secret, connection id | ephemeral key | address). The secret is
random, changes every 30 s, and the one before it is still good (docs/wire-format.md, flights).
"""

from dsoftbus.const import COOKIE_BYTES

if False:  # for types
    from dsoftbus.contracts import Address, Any, Random
    from dsoftbus.crypto.suite import Hash


SECRET_MS = 30000
_SECRET_BYTES = 32


class Cookies:
    """`hash` is a suite's, `random(n)` cryptographic. An address is known by its `repr`.

    `secrets` is a list, empty at first, that keeps what is secret for the next object of its kind:
    so this code may leave a board's heap in between.
    """

    def __init__(self, hash: "Hash", random: "Random", secrets: "list[Any] | None" = None) -> None:
        self._hash = hash
        self._random = random
        self._secrets = [] if secrets is None else secrets  # the one now, the one before, until

    def make(self, opening: bytes, path: "Address", now: int) -> bytes:
        """The cookie for `opening` (connection id and ephemeral key) from `path`."""
        self._rotate(now)
        return self._cookie(self._secrets[0], opening, path)

    def good(self, cookie: bytes, opening: bytes, path: "Address", now: int) -> bool:
        self._rotate(now)
        secret, earlier, _ = self._secrets
        if cookie == self._cookie(secret, opening, path):
            return True
        return earlier is not None and cookie == self._cookie(earlier, opening, path)

    def _cookie(self, secret: bytes, opening: bytes, path: "Address") -> bytes:
        return self._hash.hmac(secret, opening + repr(path).encode())[:COOKIE_BYTES]

    def _rotate(self, now: int) -> None:
        secret, _, until = self._secrets or (None, None, 0)
        if secret is None or now >= until:
            earlier = secret if now < until + SECRET_MS else None
            self._secrets[:] = self._random(_SECRET_BYTES), earlier, now + SECRET_MS
