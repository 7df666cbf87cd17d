"""The pump of a datagram link: the whole of what a backend does with the sessions on it.

A datagram link gives:

- `mtu`: its longest datagram;
- `recvfrom_into(buffer) -> (n, path)`, or None when there is none now;
- `sendto(buffer, n, path) -> bool`: False when it takes none now;
- `close()`.

An OSError from one of these is a datagram that got lost: such a link has no end of its own.
"""

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, DatagramLink, Deadline
    from dsoftbus.mux.events import Event
    from dsoftbus.session.datagram_session import DatagramSession
    from dsoftbus.session.endpoint import Endpoint


class DatagramPump:
    """Moves the datagrams, timers and events of all sessions on one datagram link.

    `on_event(session, event)` is the program's.
    """

    def __init__(
        self,
        endpoint: "Endpoint",
        link: "DatagramLink",
        on_event: "Callable[[DatagramSession, Event], object]",
    ) -> None:
        # Ours
        self.endpoint = endpoint
        self.link: Any = link  # a backend may know more of it
        self._on_event = on_event
        self._in = bytearray(link.mtu + 1)  # one more, so that a longer datagram shows
        self._out = bytearray(link.mtu)
        self._stop = 0  # what the link has not taken yet is self._out[:self._stop]
        self.blocked = False

    def run(self, now: int) -> "Deadline":
        """Read, do what is due, answer. Returns the next deadline in ms, or None."""
        while self.read(now):
            self.turn(now)
        self.endpoint.handle_timer(now)
        self.turn(now)
        return self.endpoint.poll_timer()

    def read(self, now: int) -> bool:
        """Feeds the endpoint one datagram; False when there is none."""
        try:
            got = self.link.recvfrom_into(self._in)
        except OSError:
            return True  # an earlier datagram of ours was refused; there may be more to read
        if got is None:
            return False
        self.endpoint.receive_datagram(self._in, got[1], now, got[0])
        return True

    def turn(self, now: int) -> None:
        """Does all that an input or a command calls for: events to the program, datagrams out."""
        self.tell()
        self._write(now)
        self.tell()

    def tell(self) -> None:
        """Gives the program what has happened."""
        event = self.endpoint.next_event()
        while event is not None:
            self._on_event(self.endpoint.session, event)  # type: ignore[arg-type] # whose event it is
            event = self.endpoint.next_event()

    def _write(self, now: int) -> None:
        while not self._stop or self._flush():
            self._stop = self.endpoint.poll_transmit(self._out, now)
            if not self._stop:
                return

    def _flush(self) -> bool:
        """Hands the link what is left; True when it took it."""
        try:
            self.blocked = not self.link.sendto(self._out, self._stop, self.endpoint.path)
        except OSError:
            self.blocked = False
        if not self.blocked:
            self._stop = 0
        return not self.blocked
