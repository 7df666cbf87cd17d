"""A session on a link that carries datagrams (UDP, serial lines, radios).

Its `Endpoint` sorts datagrams by connection id; the session repeats its flights until they are
answered, and afterwards leaves delivery to `Reliable`.
"""

from dsoftbus.base.codec import put_u32
from dsoftbus.base.ticks import earliest
from dsoftbus.const import (
    BODY_CLOSE,
    DATAGRAM_MAX,
    FLIGHT_HEADER,
    PACKET_HEADER,
    REC_PROTECTED,
    REC_REFUSE,
)
from dsoftbus.errors import END_HANDSHAKE_TIMEOUT, END_PEER
from dsoftbus.packet.drops import EARLY, NO_ROOM, UNEXPECTED
from dsoftbus.packet.packets import DatagramProtect
from dsoftbus.packet.reliable import Reliable
from dsoftbus.session.session import (
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FAULTS,
    Session,
)

if False:  # for types
    from dsoftbus.contracts import Address, Any, Buffer, Data, Deadline
    from dsoftbus.handshake.datagram_handshake import DatagramHandshake
    from dsoftbus.mux.events import Event
    from dsoftbus.session.endpoint import Endpoint
    from dsoftbus.session.node_config import NodeConfig


# Before a flight is repeated, doubling up to the last. An INIT that comes too early costs the
# responder a look into a table; and so seven fit into a host's handshake_ms: one of them arrives
# and is answered in 999 of 1000 cases where a fifth of all packets is lost.
FLIGHT_MS = 500
FLIGHT_LAST_MS = 2000
HANDSHAKE_PATIENCE = 20  # on a line: a minute more, for 3 % of spoilt bytes and slow turns
FAREWELLS = 4  # one in a thousand sessions ends unheard where a fifth of all packets is lost
CLOSE_TIMEOUTS = 8  # probe timeouts without progress before a closing session gives up


class DatagramSession(Session):
    """One side; its endpoint gives it datagrams and asks it for them.

    `endpoint` holds what its sessions share: `datagram_bytes`, `medium` and `drops`.
    `connection` is the id under which this side receives, `opener` the initiator's.
    """

    EAGER = 4  # credit goes out with acknowledgements, and small windows are short for slow lines
    paths: tuple[int, int]  # what is left of the budget for new addresses, and as of when
    moves = 0  # how often the peer's address has changed
    opening = b""  # a responder's INIT, by which its endpoint knows it again
    cookie = b""
    _message_due = False
    finish_flight = b""  # the initiator's last flight, while it may be repeated
    _heard = False  # a protected packet has come: no flight is needed any more
    farewells = 0  # that are still to be said; when and how long apart is set before
    _settled = 0
    _flight_ms = FLIGHT_MS  # until the flight of an initiator goes again

    def __init__(
        self,
        endpoint: "Endpoint",
        local: "NodeConfig",
        now: int,
        path: "Address",
        connection: int,
        opener: int,
        remote_static: bytes | None = None,
        suite: int = 1,
    ) -> None:
        self.path = path  # where the peer is, in the endpoint's own terms
        self.connection = connection
        self.reliable: Reliable = None  # type: ignore[assignment] # from `_secure` on
        self.endpoint = endpoint
        self._opener = opener
        self.protection: DatagramProtect = None  # type: ignore[assignment] # from `_secure` on
        self._now = now
        self.last_flight = b""  # the last handshake datagram of this side
        self.flight_at: int | None = None  # when it goes (again)
        self._sink = self._on_frames  # once: a reference to a method is an allocation
        super().__init__(local, now, remote_static, suite)
        self._deadline += HANDSHAKE_PATIENCE * endpoint.medium.patience_ms(path)

    # Commands

    @property
    def datagram_max(self) -> int:
        """The longest unreliable message, in bytes; 0 before the session is established."""
        return 0 if self.reliable is None else self.reliable.message_max

    def send_datagram(self, data: "Data") -> bool:
        """Sends `data` in one packet, once: it may get lost. False when it would block.

        Raises LocalError where the access rules allow no messages.
        """
        from dsoftbus.session.unreliable import send  # only who has such pays for it

        return send(self, data)

    def recv_datagram(self) -> bytes | None:
        """The oldest unreliable message that is here, or None; EV_MESSAGE says when to ask."""
        arrived = None if self.reliable is None else self.reliable.arrived
        return arrived.popleft() if arrived else None

    def close(self, now: int) -> None:
        """Waits until the peer has all that was taken for sending, then ends the session."""
        self._now = now
        super().close(now)
        self._allow_time(now)

    # Inputs

    def receive_datagram(self, data: "Buffer", stop: int, path: "Address", now: int) -> None:
        """A datagram `data[:stop]` with this session's id. Never raises for what a peer did.

        `data` is a bytearray, in which the packet is opened: afterwards it is spent.
        """
        self._now = now
        if data[0] == REC_PROTECTED:
            self._on_protected(data, stop, path, now)
        elif self.half_open or self.finish_flight:
            from dsoftbus.session.flights import on_flight  # for a while, as `handshake` says

            on_flight(self, data[0], bytes(memoryview(data)[FLIGHT_HEADER:stop]), path, now)
        else:
            self.endpoint.drops.add(UNEXPECTED)

    def handle_timer(self, now: int) -> None:
        self._now = now
        super().handle_timer(now)
        if not self._heard and self._unconfirmed and now >= self._deadline:
            self.refuse(END_HANDSHAKE_TIMEOUT)
        if self.reliable is not None:
            self.reliable.handle_timer(now)
            if self.validation is not None:
                self.validation.handle_timer(now)

    def resume(self, now: int) -> None:
        try:
            self.reliable.deliver(now, self._sink)
            self._note_stalled(self.reliable.stuck, now)
        except FAULTS as error:
            self.fail(error)

    def link_dropped(self, now: int) -> None:
        """The link has given up what it took and had not delivered yet."""
        if self.last_flight and not self.closed:
            self.flight_at = now
        if self.reliable is not None:
            self.reliable.probe()

    # Outputs

    def poll_transmit(self, out: "Buffer", now: int) -> int:
        """Writes one datagram for `path` into `out`; returns its length, 0 when none is due."""
        self._now = now
        if self.flight_at is not None and now >= self.flight_at:
            return self._give_flight(out, now)
        if self.reliable is None:
            return 0
        try:
            if self.state != CLOSED:
                n = self.reliable.poll_transmit(out, self.mux, now)
                if n:
                    return n
                if self.state == CLOSING:
                    self._close_when_idle(now)
            return self._give_farewell(out, now) if self.farewells else 0
        except FAULTS as error:
            self.fail(error)
            return 0

    def poll_timer(self) -> "Deadline":
        deadline = super().poll_timer()
        if not self._heard and self._unconfirmed:
            deadline = earliest(deadline, self._deadline)
        if self.farewells:
            deadline = earliest(deadline, self._farewell_at)
        elif self.reliable is not None and self.state != CLOSED:
            deadline = earliest(deadline, self.reliable.poll_timer())
        if self.validation is not None:
            deadline = earliest(deadline, self.validation.deadline)
        return deadline if self.flight_at is None else earliest(deadline, self.flight_at)

    def next_event(self) -> "Event | None":
        if self._message_due and self.opened is None:
            self._message_due = False
            from dsoftbus.session.unreliable import arrival

            return arrival()
        return super().next_event()

    @property
    def finished(self) -> bool:
        """Closed, and nothing more is to be sent."""
        return self.state == CLOSED and not self.farewells and self.flight_at is None

    def link_lost(self) -> None:
        """The link has ended under the session; nothing more can be told to the peer."""
        super().link_lost()
        self.farewells = 0
        self.flight_at = None

    # Flights

    def _give_flight(self, out: "Buffer", now: int) -> int:
        n = len(self.last_flight)
        out[:n] = self.last_flight
        self.flight_at = None
        if self.initiator and self.state != CLOSED:  # the responder only ever answers
            self.flight_at = now + self._flight_ms
            self._flight_ms = min(self._flight_ms * 2, FLIGHT_LAST_MS)
        return n

    # Protected packets

    def _on_protected(self, data: "Buffer", stop: int, path: "Address", now: int) -> None:
        drops = self.endpoint.drops
        if self.protection is None:
            drops.add(EARLY)
            return
        end = self.protection.open(data, stop)
        if end < 0:
            drops.add(~end)
            if self.validation is not None:
                self.validation.on_dropped(~end, data, stop, path)
            return
        if self.mux is None:  # refused: it has keys to read why, and nothing else
            self._on_afterwards(data[PACKET_HEADER], now)
            return
        kind = data[PACKET_HEADER] & 7
        if path != self.path or kind > BODY_CLOSE or self.validation is not None:
            from dsoftbus.session.path_validation import on_packet  # only who needs it

            end = on_packet(self, data, end, stop, path, now)
            if end < 0:
                return
        self.keepalive.heard = now
        if not self._heard:
            self._confirm()
        if self.state == CLOSED:
            self._on_afterwards(kind, now)
            return
        try:
            if not self.reliable.receive(data, end, now, self._sink):
                drops.add(NO_ROOM)
            if self.reliable.stuck or self.stalled is not None:
                self._note_stalled(self.reliable.stuck, now)
            self._after_receive(now)
        except FAULTS as error:
            self.fail(error)

    @property
    def _unconfirmed(self) -> bool:
        """Established, but nothing shows that the peer is: it may have given up long ago."""
        return self.state == ESTABLISHED and not self._heard

    def _confirm(self) -> None:
        """The peer has the keys: flights are a thing of the past."""
        self._heard = True
        self.last_flight = b""
        if self.finish_flight:
            self.finish_flight = b""
        if self.cookie:
            self.cookie = b""
        self.flight_at = None

    def _after_receive(self, now: int) -> None:
        reliable = self.reliable
        if reliable.arrived:
            self._message_due = True
        if reliable.close_code >= 0 and self.state != CLOSED:
            self.peer_code = reliable.close_code
            self.end(END_PEER)
            self._say_farewell(1, now)
        elif self.state == CLOSING and reliable.settled != self._settled:
            self._allow_time(now)

    def _on_afterwards(self, kind: int, now: int) -> None:
        """A packet for a session that has ended: only a CLOSE is of interest."""
        if kind == BODY_CLOSE:
            self.farewells = 0
            if self.cause == END_PEER:
                self._say_farewell(1, now)

    # The end

    def _allow_time(self, now: int) -> None:
        """A closing session has as long as the peer goes on acknowledging."""
        if self.state == CLOSING:
            self._settled = self.reliable.settled
            patience = CLOSE_TIMEOUTS * self.reliable.rtt.probe_timeout
            self._deadline = now + max(self.local.profile.close_ms, patience)

    def _say_farewell(self, times: int, now: int) -> None:
        self._farewell_at = now
        # Whoever closes waits for them all; a dead line's probe timeout may be many seconds.
        most = self.local.profile.close_ms // 2
        self._farewell_ms = min(self.reliable.rtt.probe_timeout, most)
        self.farewells = times  # last: there may be no memory for the others

    def _give_farewell(self, out: "Buffer", now: int) -> int:
        if now < self._farewell_at:
            return 0
        self.farewells -= 1
        self._farewell_at = now + self._farewell_ms
        self._farewell_ms *= 2
        if self.farewells and self.last_flight:
            self.flight_at = self._farewell_at
        return self.reliable.write_close(out, self.cause)

    # What Session asks of its link

    def _new_handshake(self, suite: int, remote_static: bytes | None) -> "DatagramHandshake":
        from dsoftbus.handshake.datagram_handshake import (
            DatagramHandshake,  # for a while, as `handshake` says
        )

        return DatagramHandshake(
            self.local,
            self._opener,
            self.connection,
            self.endpoint.datagram_bytes,
            suite,
            remote_static,
        )

    @property
    def _drained(self) -> bool:
        return self.mux.idle and self.reliable.idle

    def send_handshake(self, kind: int, body: bytes) -> None:
        to = self.handshake.peer_connection
        self.last_flight = flight(kind, to, body)
        self.flight_at = self._now
        if self.initiator:  # the other side only ever answers
            self._flight_ms = FLIGHT_MS + self.endpoint.medium.patience_ms(self.path)

    def secure(self, handshake: "DatagramHandshake") -> None:
        send, receive = handshake.split()
        profile = self.local.profile
        own_bytes = self.endpoint.datagram_bytes
        datagram_bytes = min(own_bytes, handshake.peer_hello.record_bytes)
        delivery: Any = Reliable
        if datagram_bytes > DATAGRAM_MAX:
            from dsoftbus.packet.wide import WideReliable  # hosts alone

            delivery = WideReliable
        self.protection = self.endpoint.medium.protect(
            send, receive, handshake.peer_connection, profile.replay_window
        )
        self.reliable = delivery(
            profile,
            handshake.suite.copy,
            self.protection,
            own_bytes,
            datagram_bytes,
            handshake.peer_segments,
            self._now,
            self.endpoint.medium.flow,
        )
        room = self.endpoint.node.room
        if room is not None:
            self.reliable.pool.room = room
        patience_ms = self.endpoint.medium.patience_ms(self.path)
        if patience_ms:
            self.reliable.wait(patience_ms)
        if not self.initiator:
            self.last_flight = b""
            self.reliable.probe()

    def _farewell(self, code: int) -> None:
        self.flight_at = None
        if self.reliable is not None:
            if self.last_flight:  # the peer may lack it, and reads no farewell without
                self.flight_at = self._now
            self._say_farewell(FAREWELLS, self._now)
        elif not self.initiator and self.handshake.proved:  # else nobody may be there
            self.send_handshake(REC_REFUSE, bytes((code,)))


def flight(kind: int, connection: int, body: bytes) -> bytes:
    """A datagram outside the protection: of the handshake, or an answer of the endpoint."""
    head = bytearray(FLIGHT_HEADER)
    head[0] = kind
    put_u32(head, 1, connection)
    return bytes(head) + body
