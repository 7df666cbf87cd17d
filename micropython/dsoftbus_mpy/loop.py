"""A bare `poll()` loop, for programs without asyncio: the core's pump and nothing more.

The program gets `on_event(session, event)` for every event of the core, and uses the core's
sessions and streams; what it does outside of `on_event` goes out with the next `run_once`. A lack
of memory in `on_event` ends the session that it was told of.
"""

import select

from dsoftbus.base.ticks import earliest
from dsoftbus.errors import BAD_ARGUMENT, END_NO_MEMORY, LocalError, PeerError
from dsoftbus.pump import Pump
from dsoftbus_mpy.base.overlay import unload
from dsoftbus_mpy.clock import clock
from dsoftbus_mpy.links import tcp
from dsoftbus_mpy.links.sockets import reserve, resolve

_IN = select.POLLIN
_OUT = select.POLLOUT
_FAILED = select.POLLERR | select.POLLHUP
_NO_LINK = (OSError, MemoryError)
_NO_PLACE = (PeerError, MemoryError)


class _Driven:
    """A session on its link, and what poll() is to tell of it."""

    def __init__(self, node, session, link, on_event):
        self.session = session
        self._node = node
        self.pump = Pump(session, link, lambda event: on_event(session, event))
        self.socket = link.waits_for
        self.mask = self.wanted

    def on_ready(self, flags: int, now: int) -> None:
        if self.pump.link.connecting:
            self.pump.link.connecting = False
        elif flags & (_IN | _FAILED):
            self.pump.read(now)

    def turn(self, now: int):
        """The next deadline in ms, or None."""
        try:
            self.session.handle_timer(now)
            if not self.pump.link.connecting or self.session.closed:
                self.pump.turn(now)
        except MemoryError:
            self.session.refuse(END_NO_MEMORY)
            self.pump.abandon()
        return self.pump.poll_timer()

    @property
    def wanted(self) -> int:
        if self.pump.link.connecting:
            return _OUT
        reading = _IN if self.session.stalled is None else 0  # its timer tries again
        return reading | _OUT if self.pump.blocked else reading

    @property
    def finished(self) -> bool:
        return self.pump.finished

    def end(self, now: int) -> None:
        self.session.close(now)

    def close(self) -> None:
        self.pump.link.close()
        self._node.forget(self.session)


class Loop:
    """Drives the sessions of `node` (see `node.make`)."""

    def __init__(self, node, on_event):
        self.node = node
        self.now = clock()
        self._on_event = on_event
        self._poll = select.poll()
        self._driven = []
        self._listener = None
        self._calling = None  # the UDP port of sessions from here

    def listen(self, host: str = "0.0.0.0", port: int = 0, link: str = "tcp") -> int:
        """Takes sessions on this address from now on, over `link` ("tcp" or "udp"); returns the
        port. Raises OSError."""
        if _is_udp(link):
            return self._open_port(host, port).port
        self._listener = tcp.Listener(host, port)
        self._poll.register(self._listener.waits_for, _IN)
        return self._listener.port

    def connect(self, host: str, port: int, peer_public: bytes, link: str = "tcp"):
        """Begins a session with the node whose public key is `peer_public`, and returns it.

        Its events tell how that goes. Raises OSError, LocalError.
        """
        if _is_udp(link):
            address = resolve(host, port)
            self._calling = self._calling or self._open_port("0.0.0.0", 0)
            return self._calling.endpoint.connect(address, peer_public, self.now())
        return self._connect_tcp(host, port, peer_public)

    def _connect_tcp(self, host: str, port: int, peer_public: bytes):
        link = tcp.connect(host, port)
        session = None
        try:
            session = self.node.connect(peer_public, self.now())
        finally:
            if session is None:
                link.close()
        self._drive(session, link)
        return session

    def run_once(self, timeout_ms: int = -1) -> None:
        """Waits for the next thing to do, at most `timeout_ms` (-1: for ever), and does it."""
        deadline = self._turn_all()
        if not self._driven and self._listener is None:
            return  # nothing will ever happen
        if deadline is not None:
            until = max(deadline - self.now(), 0)
            timeout_ms = until if timeout_ms < 0 else min(until, timeout_ms)
        idle = True
        for sock, flags in self._poll.ipoll(timeout_ms):
            self._on_ready(sock, flags)
            idle = False
        self._turn_all()
        if idle:
            unload(self.node)

    def close(self) -> None:
        """Ends every session in order, within the profile's close_ms, and stops listening."""
        if self._listener is not None:
            self._poll.unregister(self._listener.waits_for)
            self._listener.close()
            self._listener = None
        for driven in self._driven:
            driven.end(self.now())
        while self._driven:
            self.run_once()
        self._calling = None

    def _on_ready(self, sock, flags: int) -> None:
        if self._listener is not None and sock is self._listener.waits_for:
            self._accept()
            return
        for driven in self._driven:
            if driven.socket is sock:
                driven.on_ready(flags, self.now())

    def _accept(self) -> None:
        try:
            got = self._listener.accept()
        except _NO_LINK:
            return  # the peer is gone already, or comes again when there is memory
        if got is None:
            return
        link, address = got
        session = None
        try:
            session = self.node.accept(self.now(), address)
        except _NO_PLACE:
            link.close()
            return
        try:
            self._drive(session, link)
        except MemoryError:
            pass  # it has ended

    def _drive(self, session, link) -> None:
        """Takes `session` and its `link`; where there is no memory for that, both end."""
        try:
            self._add(_Driven(self.node, session, link, self._tell))
        except MemoryError:
            link.close()
            self.node.forget(session)
            raise

    def _open_port(self, host: str, port: int):
        from dsoftbus_mpy.links.loop_udp import DrivenPort  # only who has such a link pays for it

        return self._add(DrivenPort(self.node, host, port, self._tell))

    def _add(self, driven):
        reserve()
        self._driven.append(driven)
        self._poll.register(driven.socket, driven.mask)
        return driven

    def _tell(self, session, event) -> None:
        try:
            self._on_event(session, event)
        except MemoryError:
            session.refuse(END_NO_MEMORY)

    def _turn_all(self):
        """The next deadline in ms, or None."""
        deadline = None
        for at in range(len(self._driven) - 1, -1, -1):  # backwards, because some go
            driven = self._driven[at]
            deadline = earliest(deadline, driven.turn(self.now()))
            if driven.finished:
                self._release(driven)
            elif driven.wanted != driven.mask:
                driven.mask = driven.wanted
                self._poll.modify(driven.socket, driven.mask)
        return deadline

    def _release(self, driven) -> None:
        self._poll.unregister(driven.socket)
        driven.close()
        self._driven.remove(driven)


def _is_udp(link: str) -> bool:
    if link not in ("tcp", "udp"):
        raise LocalError(BAD_ARGUMENT, "link " + link)
    return link == "udp"
