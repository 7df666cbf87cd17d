"""A bare loop for a node that has a cable and nothing else: no asyncio, no sockets.

The program gets `on_event(session, event)` for every event of the core, as from `Loop`, and uses
the core's sessions and streams; what it does outside of `on_event` goes out with the next
`run_once`.
"""

import select
import time

from dsoftbus.base.ticks import earliest
from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.line.line import NEIGHBOUR
from dsoftbus.line.line_link import BLOCKED_MS, LineLink
from dsoftbus.session.endpoint import Endpoint
from dsoftbus.session.point_to_point import PointToPoint
from dsoftbus_mpy.base.overlay import unload
from dsoftbus_mpy.clock import clock

_READS = 16  # datagrams in one turn; then the program has its own


class SerialLoop:
    """Drives the sessions of `node` (see `node.minimal`) on a UartPort or a ConsolePort."""

    def __init__(self, node, byte_port, on_event):
        self.node = node
        self.now = clock()
        random = node.local.random(2)
        self._line = LineLink(byte_port, random[0] << 8 | random[1], node.profile)
        self._endpoint = Endpoint(node, self._line.mtu, PointToPoint(node))
        byte_port.sessions = self._endpoint.sessions
        self._pump = DatagramPump(self._endpoint, self._line, on_event)
        self._poll = select.poll()
        self._poll.register(byte_port.waits_for, select.POLLIN)

    def connect(self, peer_public: bytes, channel: int = NEIGHBOUR):
        """Begins a session with the node at the other end whose key is `peer_public`, and returns
        it; its events tell how that goes. Raises LocalError."""
        return self._endpoint.connect(channel, peer_public, self.now())

    def wrap_link(self, make):
        """`make(link)` gives a link that stands before the line from now on, and is returned: an
        `OnLine`, whose `handle_timer` the program calls about once a second."""
        self._pump.link = before = make(self._line)
        return before

    def run_once(self, timeout_ms: int = -1) -> None:
        """Waits for the next thing to do, at most `timeout_ms` (-1: for ever), and does it.

        Raises KeyboardInterrupt for eight times Ctrl-C on the console, for two without a session.
        """
        deadline = self._turn()  # what the program has done
        if deadline is not None:
            until = max(deadline - self.now(), 0)
            timeout_ms = until if timeout_ms < 0 else min(until, timeout_ms)
        idle = self._waited(timeout_ms)
        self._turn()
        if idle:
            unload(self.node)

    def close(self) -> None:
        """Ends every session in order, as far as the line carries it within the profile's
        close_ms, and lets go of the port."""
        sessions = self._endpoint.sessions
        for session in sessions.values():
            session.close(self.now())
        until = self.now() + self.node.profile.close_ms
        while sessions and not self._line.ended and self.now() < until:
            self.run_once(until - self.now())
        self._line.close()

    def _waited(self, timeout_ms: int) -> bool:
        """Waits; returns whether the time has passed and nothing has come."""
        if self._line.ended:  # a poll would return at once, for ever
            time.sleep_ms(max(timeout_ms, BLOCKED_MS))
            return True
        for _ in self._poll.ipoll(timeout_ms):
            return False
        return True

    def _read(self) -> None:
        self._line.now = self.now()
        try:
            for _ in range(_READS):
                if not self._pump.read(self._line.now):
                    return
        except MemoryError:
            pass  # one datagram is lost

    def _turn(self):
        """Does what is due; returns the next deadline in ms, or None."""
        self._read()  # first: an answer that came while the program had its turn is not late
        now = self.now()
        self._line.handle_timer(now)
        self._endpoint.handle_timer(now)
        self._line.turn(self._pump, now)
        if self._line.blocked:
            return now + BLOCKED_MS
        if self._pump.blocked:  # until the line has room, which it tells by its own timer
            return self._line.poll_timer()
        return earliest(self._endpoint.poll_timer(), self._line.poll_timer())
