"""The medium of an endpoint on a network: anyone may send there, in anyone's name."""

from dsoftbus.packet.drops import COOKIE_ASKED
from dsoftbus.session.point_to_point import ADMITTED, PointToPoint

if False:  # for types
    from dsoftbus.contracts import Address, Any, Congestion, Pacing
    from dsoftbus.packet.packets import DatagramProtect
    from dsoftbus.packet.rtt import Rtt
    from dsoftbus.session.cookies import Cookies
    from dsoftbus.session.session_table import SessionTable


class SharedNetwork(PointToPoint):
    """Asks for a cookie under load, and gives way where others send, too.

    Half of the budget is for openings as they come, half for those with a cookie: their address is
    proved, and has a share of its own.
    """

    def __init__(self, node: "SessionTable") -> None:
        super().__init__(node)
        self._random = node.local.random
        self._secrets: list[Any] = []  # of cookies

    def proved(self, cookie: bytes, opening: bytes, path: "Address", now: int) -> bool:
        return len(cookie) > 0 and self._cookies().good(cookie, opening, path, now)

    def refusal(self, proved: bool, crowded: bool, path: "Address", now: int) -> int:
        if proved:
            return super().refusal(proved, crowded, path, now)
        from dsoftbus.handshake.arrivals import may_begin_unproved

        return ADMITTED if not crowded and may_begin_unproved(self._node, now) else COOKIE_ASKED

    def cookie(self, opening: bytes, path: "Address", now: int) -> bytes:
        """Returns the cookie to answer with when `refusal` said COOKIE_ASKED."""
        return self._cookies().make(opening, path, now)

    def _cookies(self) -> "Cookies":
        from dsoftbus.session.cookies import Cookies  # for a while, as `handshake` says

        hash = next(iter(self._node.local.suites.values())).hash  # any of them
        return Cookies(hash, self._random, self._secrets)

    def protect(self, *keys: "Any") -> "DatagramProtect":  # type: ignore[override] # there the class itself is called
        from dsoftbus.packet.gaps import GappedProtect  # as in `flow`

        return GappedProtect(self._random, *keys)

    def patience_ms(self, path: "Address") -> int:
        return 0

    def flow(
        self, datagram_bytes: int, limit: int, rtt: "Rtt", now: int
    ) -> "tuple[Congestion, Pacing]":
        if self._node.local.profile.path_model:
            from dsoftbus.packet.bbr import Bbr, RatePacer

            model = Bbr(datagram_bytes, limit, rtt)
            return model, RatePacer(datagram_bytes, model, rtt, now)
        from dsoftbus.packet.congestion import NewReno, Pacer  # a line does without

        congestion = NewReno(datagram_bytes, limit)
        return congestion, Pacer(datagram_bytes, congestion, rtt, now)


class SharedLine(SharedNetwork):
    """A cable, with a bridge at its end perhaps: anyone may send there."""

    protect = PointToPoint.protect
    patience_ms = PointToPoint.patience_ms
    flow = PointToPoint.flow
