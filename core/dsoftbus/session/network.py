"""What an endpoint has to know of a network: anyone may send there, in anyone's name."""

from dsoftbus.link.drops import COOKIE_ASKED
from dsoftbus.session.cable import ADMITTED, Cable
from dsoftbus.session.cookies import Cookies


class Network(Cable):
    """Asks for a cookie under load, and gives way where others send, too.

    Half of the budget is for openings as they come, half for those with a cookie: their address is
    proved, and has a share of its own.
    """

    def __init__(self, node):
        super().__init__(node)
        local = node.local
        hash = next(iter(local.suites.values())).hash  # any of them
        self._random = local.random
        self._cookies = Cookies(hash, local.random)

    def proved(self, cookie: bytes, opening: bytes, path, now: int) -> bool:
        return len(cookie) > 0 and self._cookies.good(cookie, opening, path, now)

    def refusal(self, proved: bool, crowded: bool, path, now: int) -> int:
        if proved:
            return super().refusal(proved, crowded, path, now)
        from dsoftbus.session.arrivals import may_begin_unproved

        return ADMITTED if not crowded and may_begin_unproved(self._node, now) else COOKIE_ASKED

    def cookie(self, opening: bytes, path, now: int) -> bytes:
        """What to answer when `refusal` said COOKIE_ASKED."""
        return self._cookies.make(opening, path, now)

    def protect(self, *keys):  # type: ignore[override] # there the class itself is called
        from dsoftbus.link.gaps import GappedProtect  # as in `flow`

        return GappedProtect(self._random, *keys)

    def patience_ms(self, path) -> int:
        return 0

    def flow(self, datagram_bytes: int, limit: int, rtt, now: int) -> tuple:
        from dsoftbus.link.congestion import NewReno, Pacer  # a line does without

        congestion = NewReno(datagram_bytes, limit)
        return congestion, Pacer(datagram_bytes, congestion, rtt, now)


class LineNetwork(Network):
    """A cable, with a bridge at its end perhaps: anyone may send there."""

    protect = Cable.protect
    patience_ms = Cable.patience_ms
    flow = Cable.flow
