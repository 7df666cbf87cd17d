"""Datagram links: several sessions on one, over the core's `DatagramPump`."""

# Ours

from dsoftbus.base.ticks import earliest
from dsoftbus.const import EV_MESSAGE
from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.errors import END_INTERNAL, END_NO_MEMORY
from dsoftbus_aio.connection import Connection

if False:  # for types
    from dsoftbus.contracts import Address, Any, Data, Deadline, Route
    from dsoftbus.mux.events import Event
    from dsoftbus.session.datagram_session import DatagramSession
    from dsoftbus_aio.bus import BaseBus


_BLOCKED_MS = 20  # between two looks at the timers while the link takes nothing
_AGAIN_MS = 50  # after a fault, or a lack of memory: what was left undone is tried again


class DatagramPort:
    """One link of a bus, and the sessions on it. A subclass watches its link."""

    LINE = False  # a serial line, which delivers by itself
    path = ""  # of a serial line's port, or the name of a group
    READS = 16  # datagrams in one turn; then others have theirs

    def __init__(self, bus: "BaseBus", link: "Any") -> None:
        self.endpoint = bus.node.endpoint(link.mtu, self.LINE)
        self.connections: dict[DatagramSession, DatagramConnection] = {}  # by session
        self._bus = bus
        self._link = link
        self._now = bus.runtime.now
        self._pump = DatagramPump(self.endpoint, link, self._on_event)
        self._watch: Any = None  # a Watch from `watch` on
        self._timer = bus.runtime.timer(self._on_timer)
        self._turner = bus.runtime.timer(self._turn_due)
        self._turning = False  # the turner is set
        self._writing = False  # the link is watched for writing
        self._failed = False  # something was left undone

    # Ours

    def watch(self) -> None:
        """Looks at the link from now on."""
        self._watch = self._bus.runtime.watch(self._link.waits_for, self._on_readable, self.turn)

    def begin(
        self,
        path: "Address",
        public: bytes,
        suite: int,
        psk: bytes | None,
        route: "Route | None",
        deadline: int,
    ) -> "DatagramConnection":
        """A connection that begins its handshake now, and has until `deadline` for it."""
        session = self.endpoint.connect(path, public, self._now(), suite, psk, route)
        session.limit_handshake(deadline)
        connection = self.adopt(session)
        self.turn()
        return connection

    def adopt(self, session: "DatagramSession") -> "DatagramConnection":
        connection = None
        try:
            connection = DatagramConnection(self._bus, session, self)
            self.connections[session] = connection
            self._bus.adopt(connection)
        except MemoryError:
            self.connections.pop(session, None)
            session.refuse(END_NO_MEMORY)
            self._failed = True
            self._arm()
            raise
        return connection

    def close(self) -> None:
        """Sessions that still live here have lost their link."""
        try:
            for connection in list(self.connections.values()):
                connection.session.link_lost()
        except Exception as error:  # noqa: BLE001 - a fault of ours: the link goes all the same
            self._bus.report(error, None)
        self.turn()
        self._timer.close()
        self._turner.close()
        if self._watch is not None:
            self._watch.close()
        self._link.close()

    # The pump

    def turn_soon(self, _session: "DatagramSession | None") -> None:
        """After a command to a session: several leave together, in packets as full as can be."""
        if not self._turning:
            self._turning = True
            self._turner.at(0)

    def _turn_due(self) -> None:
        if self._turning:  # else somebody has turned since
            self.turn()

    def turn(self, _session: "DatagramSession | None" = None) -> None:
        """Moves all that can move, of this session among others; then sets the timer."""
        self._turning = False
        try:
            self._move()
            self._release_finished()
            if self.blocked != self._writing:
                self._writing = not self._writing
                self._want_write(self._writing)
        except Exception as error:  # noqa: BLE001 - a fault of ours: it ends one session alone
            self._fail(error)
        self._arm()

    def _move(self) -> None:
        self._pump.turn(self._now())

    @property
    def blocked(self) -> bool:
        """Tells whether the link waits until it can be written to."""
        return self._pump.blocked

    def _want_write(self, on: bool) -> None:
        self._watch.want_write(on)

    def _on_readable(self) -> bool:
        """Returns whether the link has to wait, since something was left undone."""
        self._read()
        failed = self._failed
        self.turn_soon(None)  # a program that has heard something answers before
        return failed

    def _read(self) -> None:
        try:
            now = self._now()
            for _ in range(self.READS):
                if not self._pump.read(now):
                    break
            self._pump.tell()
        except Exception as error:  # noqa: BLE001 - as in turn
            self._fail(error)  # one datagram is lost

    def _on_timer(self) -> None:
        self._read()  # what is waited for may be here, and this side was busy
        try:
            self._handle_timer(self._now())
        except Exception as error:  # noqa: BLE001 - as in turn
            self._fail(error)
        self.turn()

    def _handle_timer(self, now: int) -> None:
        self.endpoint.handle_timer(now)

    def _arm(self) -> None:
        deadline = None
        try:
            deadline = self._deadline()
        except Exception as error:  # noqa: BLE001 - as in turn
            self._fail(error)
        if self._failed:
            self._failed = False
            deadline = earliest(deadline, self._now() + _AGAIN_MS)
        self._timer.at(deadline)

    def _deadline(self) -> "Deadline":
        deadline = self.endpoint.poll_timer()
        if deadline is not None and self._pump.blocked:
            # What is due may wait for the link, and would be due again at once.
            deadline = max(deadline, self._now() + _BLOCKED_MS)
        return deadline

    def _fail(self, error: Exception) -> None:
        """A fault of ours ends the session that was at work; one that cannot even end is dropped.
        After a lack of memory the session tries again."""
        session = self.endpoint.at_work
        self._failed = True
        self._bus.report(error, session)
        if session is None or isinstance(error, MemoryError):
            return
        try:
            if session.closed:
                self.endpoint.forget(session)
            session.refuse(END_INTERNAL)
        except Exception as another:  # noqa: BLE001 - as above
            self._bus.report(another, session)

    # Events

    def _on_event(self, session: "DatagramSession", event: "Event") -> None:
        connection = self.connections.get(session) or self.adopt(session)
        connection.on_event(event)

    def _release_finished(self) -> None:
        for session in list(self.connections):
            if session.connection not in self.endpoint.sessions:
                self.connections.pop(session).release()


class DatagramConnection(Connection):
    """A connection that shares its port with others.

    The first command after the peer was heard leaves at once, for the round trip's sake. Those
    that follow gather until the loop comes round, so that packets are as full as can be.
    """

    _gather = False

    def __init__(self, bus: "BaseBus", session: "DatagramSession", port: "DatagramPort") -> None:
        super().__init__(bus, session)
        self.port = port

    def send_datagram(self, data: "Data") -> bool:
        """Sends `data` in one packet, once: it may get lost. False when it would block."""
        taken = self.session.send_datagram(data)
        self.turn()
        return taken

    async def recv_datagram(self) -> bytes:
        """The next unreliable message; raises the session's cause at its end."""
        while True:
            message = self.session.recv_datagram()
            if message is not None:
                return message
            if self.session.closed:
                raise self.cause
            await self._changed.change()

    # Ours: what its port tells it

    def start(self) -> None:
        """Its port drives it."""

    def on_event(self, event: "Event") -> None:
        self._gather = False
        if event.kind == EV_MESSAGE:
            self._changed.set()
        else:
            super().on_event(event)

    def turn(self) -> None:
        if self._gather:
            self._turn_soon()
        else:
            self._gather = True
            self.drive()

    def turn_if_owed(self) -> None:
        mux = self.session.mux
        if mux is not None and mux.has_output:
            self._turn_soon()

    def _turn_soon(self) -> None:
        if not self.released:
            self.port.turn_soon(self.session)

    def drive(self) -> None:
        if not self.released:
            self.port.turn(self.session)

    def abort(self, code: int) -> None:
        self.session.refuse(code)
        self.turn()

    def release(self) -> None:
        """The session has ended, and its last datagram is out."""
        self._release()
