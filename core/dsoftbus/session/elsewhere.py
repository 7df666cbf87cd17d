"""Sessions that go from one link to another; imported when a packet of one comes on another link.

A port is what drives an endpoint, as the node's `links` have it: it has `endpoint`, `LINE`,
`turn_soon(session)` and `connections` by session, each of which has its `port`. docs/moving.md.
"""

from dsoftbus.packet.acks import ACK_EVERY
from dsoftbus.packet.drops import UNKNOWN_CONNECTION
from dsoftbus.packet.packets import PACKET_OVERHEAD
from dsoftbus.packet.rtt import ACK_DELAY_MS, GRANULARITY_MS, UNKNOWN_TIMEOUT_MS

if False:  # for types
    from dsoftbus.contracts import Address, Any, Buffer
    from dsoftbus.session.datagram_session import DatagramSession
    from dsoftbus.session.endpoint import Endpoint


class Elsewhere:
    """A path on another link than that of its session: `port` drives the link, `address` is where
    the peer is there. Two of them are equal where they lead to the same place."""

    def __init__(self, port: "Any", address: "Address") -> None:
        self.port = port
        self.address = address

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Elsewhere)
            and other.port is self.port
            and bool(other.address == self.address)
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((id(self.port), self.address))

    def __repr__(self) -> str:
        return "Elsewhere(%d, %r)" % (id(self.port), self.address)


def port_of(endpoint: "Endpoint") -> "Any":
    """The port that drives `endpoint`, or None."""
    for port in endpoint.node.links:
        if port.endpoint is endpoint:
            return port
    return None


def receive(
    endpoint: "Endpoint", number: int, data: "Buffer", stop: int, path: "Address", now: int
) -> None:
    """The packet `data[:stop]` from `path`, for the session `number` of another endpoint."""
    session = endpoint.node.session(number)
    port = port_of(endpoint)
    if port is None or session.protection is None:
        endpoint.drops.add(UNKNOWN_CONNECTION)
        return
    session.receive_datagram(data, stop, Elsewhere(port, path), now)
    port_of(session.endpoint).turn_soon(session)


def fits(session: "DatagramSession", endpoint: "Endpoint") -> bool:
    """Tells whether the link of `endpoint` carries each packet of `session`."""
    return _datagram_bytes(session) <= endpoint.datagram_bytes


def rehome(session: "DatagramSession", path: Elsewhere) -> "Any":
    """`session` goes on at `path`, which has answered; nothing of it is under way. Returns the
    port that it had. After a lack of memory nothing has changed."""
    port, before = path.port, port_of(session.endpoint)
    place = session.endpoint, session.path
    port.endpoint.sessions[session.connection] = session
    try:
        session.endpoint, session.path = port.endpoint, path.address
        connection = _handed_over(session, before, port)
    except MemoryError:
        port.endpoint.leave(session)
        session.endpoint, session.path = place
        raise
    before.endpoint.leave(session)
    told = None if connection is None else getattr(connection.bus, "on_moved", None)
    if told is not None:
        told(connection)
    if port.LINE != before.LINE:
        _change_medium(session, port.LINE)
    return before


def _handed_over(session: "DatagramSession", before: "Any", port: "Any") -> "Any":
    """The connection of the session, which has the other port now; None where it has none."""
    connection = before.connections.get(session)
    if connection is not None:
        port.connections[session] = connection
        connection.port = port
        del before.connections[session]
    return connection


def _datagram_bytes(session: "DatagramSession") -> int:
    return session.reliable.message_max + 1 + PACKET_OVERHEAD


def _change_medium(session: "DatagramSession", line: bool) -> None:
    """Gives the session what its new link leaves to it, or takes it away."""
    reliable, medium = session.reliable, session.endpoint.medium
    size = _datagram_bytes(session)
    limit = reliable.recovery.outbox.limit * size
    reliable.congestion, reliable.pacer = medium.flow(
        size, limit, reliable.rtt, session.keepalive.heard
    )
    reliable.recovery.congestion = reliable.congestion
    reliable.rtt.unknown_ms = UNKNOWN_TIMEOUT_MS
    reliable.rtt.margin_ms = GRANULARITY_MS + ACK_DELAY_MS
    reliable.acks.delay_ms = ACK_DELAY_MS
    reliable.acks.every = ACK_EVERY
    patience_ms = medium.patience_ms(session.path)
    if patience_ms:
        reliable.wait(patience_ms)
    if not line:
        from dsoftbus.packet.gaps import GappedProtect  # which networks have

        if not isinstance(session.protection, GappedProtect):
            from dsoftbus.packet.gapped import Gapped

            session.protection = Gapped(session.local.random, session.protection)
            reliable.protect = session.protection
