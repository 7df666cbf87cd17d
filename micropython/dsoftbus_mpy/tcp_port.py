"""TCP on MicroPython's asyncio: listeners, and sessions that have a link of their own each."""

import asyncio

from dsoftbus.const import LINK_STREAM, SUITE_CHACHA_SHA256
from dsoftbus.errors import END_INTERNAL, END_NO_MEMORY, PeerError
from dsoftbus.pump import Pump
from dsoftbus_mpy import tcp
from dsoftbus_mpy.connection import Connection
from dsoftbus_mpy.waiting import cancel, change, readable, writable

_PAUSE_MS = 100  # no sockets left, for the moment


class TcpPort:
    """The listeners of a bus, and its way to those of others."""

    def __init__(self, bus):
        self._bus = bus
        self._listeners = []

    def listen(self, host: str, port: int) -> int:
        """Takes sessions on this address from now on; returns the port."""
        listener = tcp.Listener(host, port)
        try:
            self._bus.track(self._bus.drive(lambda: self._accept_link(listener)))
        except MemoryError:
            listener.close()
            raise
        self._listeners.append(listener)
        return listener.port

    def connect(self, host: str, port: int, public, psk, timeout_ms: int) -> Connection:
        """A connection that begins its handshake once the link is there. Raises OSError."""
        bus = self._bus
        link = tcp.connect(host, port)
        session = None
        try:
            now = bus.now()
            route = (LINK_STREAM, host, port)
            session = bus.node.connect(public, now, SUITE_CHACHA_SHA256, psk, route)
            session.hurry(now + timeout_ms)
        finally:
            if session is None:
                link.close()
        return self._adopt(session, link, True)

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    async def _accept_link(self, listener) -> None:
        await readable(listener.socket)
        try:
            self._take(*listener.accept())
        except OSError as error:
            self._bus.tell(error)
            await asyncio.sleep_ms(_PAUSE_MS)

    def _take(self, link, address) -> None:
        bus = self._bus
        session = None
        try:
            if not bus.closed:
                session = bus.node.accept(bus.now(), address)
        except PeerError:
            pass  # all places are taken
        finally:
            if session is None:
                link.close()
        if session is not None:
            self._adopt(session, link, False)
        bus.turn_ended()  # one may have given its place to the new one

    def _adopt(self, session, link, connecting: bool) -> Connection:
        """Takes `session` and its `link`; where there is no memory for that, both end."""
        connection = None
        bus = self._bus
        try:
            connection = StreamConnection(bus, session, link, connecting)
            bus.adopt(connection)
            connection.start()
        except MemoryError:
            if connection is not None and bus.has(connection):
                connection.abort(END_NO_MEMORY)
            else:
                link.close()
                bus.node.forget(session)
            raise
        bus.wake_by(session.poll_timer())
        return connection


class StreamConnection(Connection):
    """A connection on a TCP link of its own."""

    def __init__(self, bus, session, link, connecting: bool):
        super().__init__(bus, session)
        self._connecting = connecting  # nothing may be written yet
        self._pump = Pump(session, link, self.on_event)
        self._blocked = asyncio.Event()  # the writer's cue
        self._reader = self._writer = None  # tasks

    def start(self) -> None:
        self._reader = self._bus.drive(self._read_link, self)
        self._writer = self._bus.drive(self._write_link, self)

    # The pump

    def turn(self) -> None:
        if self.released or (self._connecting and not self.session.closed):
            return
        try:
            self._pump.turn(self._bus.now())
            if self._pump.finished:
                self._release()
                return
            self._bus.wake_by(self._pump.poll_timer())
        except MemoryError:
            self.abort(END_NO_MEMORY)
        except Exception as error:  # noqa: BLE001 - a fault of ours
            self.contain(error)
        if self._pump.blocked:
            self._blocked.set()

    def contain(self, error) -> None:
        """A fault in this session ends it, and no other."""
        self._bus.tell(error)
        try:
            self.abort(END_INTERNAL)
        except Exception as another:  # noqa: BLE001 - the link is gone all the same
            self._bus.tell(another)

    def handle_timer(self, now: int):
        """Does what is due; returns the next deadline in ms, or None."""
        deadline = self._pump.poll_timer()
        if deadline is not None and now >= deadline:
            self.session.handle_timer(now)
            self.turn()
            deadline = self._pump.poll_timer()
        return deadline

    async def _read_link(self) -> bool:
        await readable(self._pump.link.socket)
        self._pump.read(self._bus.now())
        self.turn()
        return self.released

    async def _write_link(self) -> bool:
        if self._connecting or self._pump.blocked:
            await writable(self._pump.link.socket)
            self._connecting = False
            self.turn()
        else:
            await change(self._blocked)
        return self.released

    # The end

    def abort(self, code: int) -> None:
        try:
            self.session.refuse(code)
            self._pump.abandon()
        finally:
            self._release()

    def _release(self) -> None:
        if self.released:
            return
        self.released = True
        self._pump.link.close()
        cancel(self._reader)
        cancel(self._writer)
        self._changed.set()
        self._bus.on_released(self)
