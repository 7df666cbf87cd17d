"""Sessions that have a link of their own each, and the listeners that they come from."""

# Ours

from dsoftbus.errors import PeerError
from dsoftbus.pump import Pump
from dsoftbus.session.session import CLOSED, ESTABLISHED
from dsoftbus_aio.connection import Connection

if False:  # for types
    from dsoftbus.contracts import Address, Any, Route
    from dsoftbus.session.stream_session import StreamSession
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.contracts import Listener
    from dsoftbus_aio.runtime import Watch


_MORE_READS = 3  # in one turn, of a link that has much; then others have theirs
_FULL_READ_BYTES = 65536  # a shorter one has left nothing behind
_BACKLOG = 128  # links that one turn takes


class StreamPort:
    """The listeners of a bus, and the sessions on stream links.

    A listener has `waits_for`, `accept()` -> (link, address) or None, and `close()`.
    """

    def __init__(self, bus: "BaseBus") -> None:
        self._bus = bus
        self.listeners: list[tuple[Listener, Watch]] = []  # (listener, its watch)

    def listen(self, listener: "Listener") -> None:
        """Takes sessions from `listener` from now on, and owns it."""
        try:
            watch = self._bus.runtime.watch(listener.waits_for, lambda: self._accept(listener))
            self.listeners.append((listener, watch))
        except Exception:
            listener.close()
            raise

    def begin(
        self,
        link: "Any",
        public: bytes,
        suite: int,
        psk: bytes | None,
        route: "Route | None",
        deadline: int,
    ) -> Connection:
        """A session over `link`, which this owns; its handshake has until `deadline`."""
        session = None
        try:
            now = self._bus.now()
            session = self._bus.node.connect(public, now, suite, psk, route)
            session.limit_handshake(deadline)
        finally:
            if session is None:
                link.close()
        return self._adopt(session, link)

    def close(self) -> None:
        for listener, watch in self.listeners:
            watch.close()
            listener.close()
        self.listeners.clear()

    def _accept(self, listener: "Listener") -> None:
        for _ in range(_BACKLOG):
            got = listener.accept()
            if got is None:
                return
            self._take(*got)

    def _take(self, link: "Any", address: "Address") -> None:
        bus = self._bus
        session = None
        try:
            session = bus.node.accept(bus.now(), address)
        except PeerError as error:  # all places are taken
            bus.report(error, None)
        finally:
            if session is None:
                link.close()
        if session is not None:
            self._adopt(session, link)
        bus.turn_evicted()  # one may have given its place to the new one

    def _adopt(self, session: "StreamSession", link: "Any") -> Connection:
        """Takes `session` and its `link`; where there is no memory for that, both end."""
        connection = None
        try:
            connection = StreamConnection(self._bus, session, link)
            self._bus.adopt(connection)
        finally:
            if connection is None:
                link.close()
                self._bus.node.forget(session)
        return connection


class StreamConnection(Connection):
    """A connection on a link of its own that carries a stream of bytes."""

    def __init__(self, bus: "BaseBus", session: "StreamSession", link: "Any") -> None:
        super().__init__(bus, session)
        self._now = bus.runtime.now
        self._pump = Pump(session, link, self.on_event)
        self._watch: Any = None  # a Watch from `start` on
        self._timer = bus.runtime.timer(self._on_timer)
        self._flusher = bus.runtime.timer(self._flush)
        self._flushing = False  # the flusher is set
        self._gather = False  # what is said now waits for it
        self._writing = False  # the link is watched for writing

    def start(self) -> None:
        try:
            link = self._pump.link
            self._watch = self.runtime.watch(link.waits_for, self._on_readable, self._flush)
        except Exception as error:  # noqa: BLE001 - as in turn
            self._fail(error)
        self.drive()

    # The pump

    def turn(self) -> None:
        """After a command: what can move, moves.

        The first command after the peer was heard leaves at once, for the round trip's sake.
        Those that follow gather until the buffer is full or the loop comes round, so that bulk
        needs fewer system calls.
        """
        pump = self._pump
        part = pump.turn
        if self._gather:
            part = pump.gather
            self._flush_soon()
        self._gather = True
        try:
            part(self._now())
        except Exception as error:  # noqa: BLE001 - a fault of ours: it ends this session alone
            self._fail(error)
        if pump.blocked or self._writing or self.session.state == CLOSED:
            self._follow_up()

    def drive(self) -> None:
        self._flush()
        self._arm()

    def turn_if_owed(self) -> None:
        mux = self.session.mux
        if mux is not None and mux.has_output:
            self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._flusher.at(0)

    def _flush(self) -> None:
        self._flushing = self._gather = False
        self.turn()

    def _on_readable(self) -> bool:
        """Returns whether the link has to wait, since there is no memory for what has come."""
        now = self._now()
        pump = self._pump
        self._gather = False
        more = _MORE_READS
        try:
            while pump.read(now) >= _FULL_READ_BYTES and more:
                more -= 1
        except MemoryError:
            raise  # there may be some again after a pause
        except Exception as error:  # noqa: BLE001 - as in turn
            self._fail(error)
        try:
            pump.turn(now)
        except Exception as error:  # noqa: BLE001 - as in turn
            self._fail(error)
        session = self.session
        if pump.blocked or self._writing or session.state == CLOSED:
            self._follow_up()
        elif session.state < ESTABLISHED or session.stalled is not None:
            self._arm()  # an opening may wait for its turn, a frame for memory
        return session.stalled is not None

    def _on_timer(self) -> None:
        try:
            self.session.handle_timer(self._now())
        except MemoryError:
            raise  # as in _on_readable
        except Exception as error:  # noqa: BLE001 - as in turn
            self._fail(error)
        self.drive()

    def _follow_up(self) -> None:
        """Follows a turn: releases the link or sets its timer, and watches a full link for
        writing."""
        if self.released:
            return
        if self._pump.finished:
            self._release()
        elif self.session.closed:
            self._arm()  # its last bytes get a moment to leave, then the link goes
        if self._pump.blocked != self._writing and not self.released:
            self._writing = self._pump.blocked
            self._watch.want_write(self._writing)

    def _arm(self) -> None:
        """Sets the timer. A deadline that has moved away since fires early and looks again."""
        if self.released:
            return
        deadline = None
        try:
            deadline = self._pump.poll_timer()
        except Exception as error:  # noqa: BLE001 - as in turn
            self._fail(error)
        if not self.released:
            self._timer.at(deadline)

    # The end

    def abort(self, code: int) -> None:
        try:
            self.session.refuse(code)
            self._pump.abandon()
        except Exception as error:  # noqa: BLE001 - the link goes all the same
            self.bus.report(error, self.session)
        self._release()

    def _release(self) -> None:
        if self.released:
            return
        self._timer.close()
        self._flusher.close()
        if self._watch is not None:
            self._watch.close()
        self._pump.link.close()
        super()._release()
