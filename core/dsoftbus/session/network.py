"""What an endpoint has to know of a network: anyone may send there, in anyone's name."""

from dsoftbus.link.congestion import NewReno, Pacer
from dsoftbus.link.drops import COOKIE_ASKED, OVER_BUDGET
from dsoftbus.pace import TokenBucket
from dsoftbus.session.cable import ADMITTED, SECOND_MS, Cable
from dsoftbus.session.cookies import Cookies


class Network(Cable):
    """Asks for a cookie under load, and gives way where others send, too.

    Half of the budget is for openings as they come, half for those with a cookie, which then have
    a place however many of the others there are.
    """

    def __init__(self, local):
        handshakes = local.profile.handshakes
        self._budget = TokenBucket(handshakes // 2, SECOND_MS)
        self._proved_budget = TokenBucket((handshakes + 1) // 2, SECOND_MS)
        hash = next(iter(local.suites.values())).hash  # any of them
        self._cookies = Cookies(hash, local.random)

    def proved(self, cookie: bytes, opening: bytes, path, now: int) -> bool:
        return len(cookie) > 0 and self._cookies.good(cookie, opening, path, now)

    def refusal(self, proved: bool, crowded: bool, now: int) -> int:
        if proved:
            taken = self._proved_budget.take(now) or self._budget.take(now)
            return ADMITTED if taken else OVER_BUDGET
        return COOKIE_ASKED if crowded or not self._budget.take(now) else ADMITTED

    def cookie(self, opening: bytes, path, now: int) -> bytes:
        """What to answer when `refusal` said COOKIE_ASKED."""
        return self._cookies.make(opening, path, now)

    def flow(self, datagram_bytes: int, limit: int, rtt, now: int) -> tuple:
        congestion = NewReno(datagram_bytes, limit)
        return congestion, Pacer(datagram_bytes, congestion, rtt, now)
