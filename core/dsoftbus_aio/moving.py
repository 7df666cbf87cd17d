"""The movers of the sessions that a bus has begun: what paths each may take (docs/moving.md)."""

# Ours

from dsoftbus.base.deadlines import Deadlines
from dsoftbus.const import LINK_BROKER, LINK_DATAGRAM, LINK_LINE
from dsoftbus.session.elsewhere import port_of
from dsoftbus.session.mover import Mover

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Address, Any, Route
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection


# The lower the better: a cable is nobody else's, and a broker is a detour.
RANKS = {LINK_LINE: 0, LINK_DATAGRAM: 1, LINK_BROKER: 2}
# Which route is tried first, where there are links of several kinds; streams come in between.
ORDER = {LINK_LINE: 0, LINK_DATAGRAM: 1, LINK_BROKER: 3}
STREAMS = 2
LOOK_MS = 5000  # between two looks for new routes of each peer


class Moving:
    """Moves the sessions that `bus` has begun over datagram links. `way(route, device)` gives the
    port and the address that a route to this peer leads to, or None where it leads nowhere now."""

    def __init__(
        self, bus: "BaseBus", way: "Callable[[Route, str], tuple[Any, Address] | None]"
    ) -> None:
        self._bus = bus
        self._way = way
        self._movers: dict[int, Mover] = {}  # by connection id
        self._deadlines = Deadlines()  # of these
        self._timer = bus.runtime.timer(self._on_timer)
        self._looker = bus.runtime.timer(self._look)
        self._looking = False  # the looker is set

    def came(self, connection: "Connection") -> None:
        """A session is established."""
        session = connection.session
        port = port_of(session.endpoint) if session.reliable is not None else None
        if port is None or not session.initiator or session.connection in self._movers:
            return
        route = session.route
        kind = route[0] if route is not None else LINK_LINE if port.LINE else LINK_DATAGRAM
        mover = Mover(session, port, RANKS.get(kind, 1), self._bus.now())
        mover.wake = self._wake
        self._movers[session.connection] = session.mover = mover
        self._offer(mover)
        self._look_soon()

    def left(self, connection: "Connection") -> None:
        """A session is gone."""
        session = connection.session
        mover = None if session.reliable is None else self._movers.get(session.connection)
        if mover is not None and mover.session is session:
            del self._movers[session.connection]
            self._deadlines.put(session.connection, None)

    def plugged(self, port: "Any", there: bool) -> None:
        """The link of `port` is there again, or gone."""
        now = self._bus.now()
        for mover in self._movers.values():
            if there:
                mover.returned(port, now)
            else:
                mover.lost(port, now)

    def ordered(self, routes: "list[Route]") -> "list[Route]":
        """In the order in which to try them: where a peer is known on links of several kinds, a
        session that can move comes first; through a broker goes what goes no other way."""
        kinds = {route[0] if route[0] in (LINK_LINE, LINK_BROKER) else 0 for route in routes}
        if len(kinds) < 2:
            return routes
        return sorted(routes, key=_preference)

    # Ours

    def _wake(self, mover: Mover) -> None:
        self._deadlines.put(mover.session.connection, mover.poll_timer())
        self._timer.at(self._deadlines.first())

    def _on_timer(self) -> None:
        now = self._bus.now()
        number = self._deadlines.take(now)
        while number >= 0:
            mover = self._movers[number]
            mover.handle_timer(now)
            deadline = mover.poll_timer()
            self._deadlines.put(number, None if deadline is None else max(deadline, now + 1))
            number = self._deadlines.take(now)
        self._timer.at(self._deadlines.first())

    def _look_soon(self) -> None:
        if not self._looking and self._bus.node.peers is not None:
            self._looking = True
            self._looker.at(self._bus.now() + LOOK_MS)

    def _look(self) -> None:
        """Looks for new routes of each peer."""
        self._looking = False
        for mover in list(self._movers.values()):
            self._offer(mover)
        if self._movers:
            self._look_soon()

    def _offer(self, mover: Mover) -> None:
        device = mover.session.peer_id
        peers = self._bus.node.peers
        peer = None if peers is None else peers.get(device)
        for route in () if peer is None else peer.routes():
            rank = RANKS.get(route[0])
            way = None if rank is None else self._way(route, device)
            if rank is not None and way is not None:
                mover.offer(way[0], way[1], rank, self._bus.now())


def _preference(route: "Route") -> int:
    return ORDER.get(route[0], STREAMS)
