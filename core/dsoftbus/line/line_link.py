"""A serial port as a datagram link: a `Line` between a byte port and `DatagramPump`.

A byte port gives, as a stream link of `pump` does, `readinto(view)`, `write(buffer, at, stop)`
and `close()`. A driver sets `now` before it reads, and turns the pump by `turn`.
"""

from dsoftbus.line.line import FRAME_ROOM, Line

if False:  # for types
    from dsoftbus.contracts import Buffer, Deadline, Profile, StreamLink
    from dsoftbus.datagram_pump import DatagramPump


BLOCKED_MS = 2  # until a port that was full is tried again: 20 bytes at 115200 baud
LINE_MTU = 479  # with the channel two full fragments: behind longer ones, acknowledgements wait


def unread_max(profile: "Profile") -> int:
    """Returns how many bytes a peer may send before it is heard, which a port has to keep while
    the program is busy: a whole window of frames; the rest of each is room for
    acknowledgements."""
    return profile.line_slots * FRAME_ROOM


class LineLink:
    """`epoch` is any number, another one after each start; `profile` says how much it may hold."""

    def __init__(self, port: "StreamLink", epoch: int, profile: "Profile") -> None:
        self.line = Line(epoch, min(profile.datagram_bytes, LINE_MTU), profile.line_slots)
        self.mtu = self.line.mtu
        self.sendto = self.line.sendto
        self.handle_timer = self.line.handle_timer
        self.now = 0
        self.blocked = False  # the port took less than it was given: flush when it can
        self.ended = False  # the port is gone
        self._port: StreamLink | None = port
        self._out = bytearray(FRAME_ROOM)
        self._at = self._stop = 0
        self._given_up = 0  # times that the sessions know of

    def plug(self, port: "StreamLink | None") -> None:
        """Goes on with `port`, or with None without one: what is sent then waits or gets lost."""
        self._port = port
        self.ended = False
        self._at = self._stop = 0

    def recvfrom_into(self, buffer: "Buffer") -> tuple[int, int] | None:
        """(n, channel) of the next datagram, or None when all that has come is read."""
        got = self.line.recvfrom_into(buffer)
        while got is None:
            n = self._read()
            if not n:
                return None
            self.line.filled(n, self.now)
            got = self.line.recvfrom_into(buffer)
        return got

    def _read(self) -> int:
        if self._port is None or self.ended:
            return 0
        try:
            n = self._port.readinto(self.line.space())
        except OSError:
            n = 0
        self.ended = n == 0
        return n or 0

    def turn(self, pump: "DatagramPump", now: int) -> None:
        """Does all that an input or a command calls for, for as long as the port takes it.

        `pump` is the DatagramPump on this link.
        """
        self.now = now
        if self._given_up != self.line.abandoned:
            self._given_up = self.line.abandoned
            for session in pump.endpoint.sessions.values():
                session.link_dropped(now)  # it sends again
        pump.turn(now)
        while (self.flush() and pump.blocked) or self._hear():
            pump.turn(now)

    def _hear(self) -> bool:
        """Reads once more while output waits for an answer; returns whether bytes came.

        A slow board's turn is dear, and answers come while it writes."""
        if not self.line.listens:
            return False
        n = self._read()
        self.line.filled(n, self.now)
        return n > 0

    def flush(self) -> bool:
        """Hands the port what the line has to say; False when nothing has moved."""
        moved = False
        self.blocked = False
        while True:
            if self._at == self._stop:
                self._at = 0
                self._stop = self.line.poll_transmit(self._out, self.now)
                if not self._stop:
                    return moved
            n = self._write()
            if not n:
                self.blocked = self._port is not None and not self.ended
                return moved
            self._at += n
            moved = True

    def _write(self) -> int:
        if self._port is None or self.ended:
            return 0
        try:
            return self._port.write(self._out, self._at, self._stop) or 0
        except OSError:
            self.ended = True
            return 0

    def poll_timer(self) -> "Deadline":
        """Returns when `handle_timer` is due, in ms, or None."""
        due = self.line.poll_timer()
        if self.blocked and due is not None:
            return max(due, self.now + BLOCKED_MS)  # what is due waits for the port
        return due

    def close(self) -> None:
        if self._port is not None:
            self._port.close()
