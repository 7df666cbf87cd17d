"""The pump: the whole of what a backend does with a session on a stream link.

A link gives two non-blocking calls:

- `readinto(view) -> n`: how many bytes it read; 0 at the end of the link; None when there are
  none now;
- `write(buffer, at, stop) -> n`: how much of `buffer[at:stop]` it took; None when it takes
  none now. It does not look again at bytes that it took.

An OSError from `readinto` or `write` is the end of the link. The driver of the pump closes the
link once the pump has `finished`, and stops polling it before that.
"""

from dsoftbus.record.records import SMALL_BUFFER
from dsoftbus.session.session import CLOSED

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, Deadline, StreamLink
    from dsoftbus.mux.events import Event
    from dsoftbus.session.stream_session import StreamSession


class Pump:
    """Moves a session's bytes, timers and events. `on_event(event)` is the program's."""

    def __init__(
        self, session: "StreamSession", link: "StreamLink", on_event: "Callable[[Event], object]"
    ) -> None:
        self.session = session
        self.link: Any = link  # a backend may know more of it
        self._on_event = on_event
        self._out = bytearray(SMALL_BUFFER)  # grows with the first turn that has much to send
        self._at = 0  # out[at:stop] is what the link has not taken yet
        self._stop = 0
        # Ours
        self.blocked = False  # the link took less than it was given: turn again when it can
        # Once the session has ended: how long its last bytes may take
        self._linger_until: int | None = None
        self._link_ended = False

    def run(self, now: int) -> "Deadline":
        """Read, do what is due, answer. Returns the next deadline in ms, or None."""
        self.read(now)
        self.session.handle_timer(now)
        self.turn(now)
        return self.poll_timer()

    def read(self, now: int) -> int:
        """Feeds the session what one read gives; returns how many bytes that was. While a session
        is `stalled` nothing is read, so that its peer waits."""
        if self.session.stalled is not None and self.session.state != CLOSED:
            return 0
        try:
            n = self.link.readinto(self.session.space())
        except OSError:
            n = 0
        if n:
            self.session.filled(n, now)
        elif n == 0:
            self._link_ended = True
            self.session.link_lost()
            if self.blocked:
                self._empty()  # who says nothing more does not read either
        return n or 0

    def gather(self, now: int) -> None:
        """Takes what a command has given the session to say. It leaves with the next turn, or
        when there is no room for more; a turn has to follow."""
        session = self.session
        if not self.blocked and session.has_output:
            self._write(now)
        if session.state == CLOSED:
            self.turn(now)  # of which the program has to hear before its link goes

    def turn(self, now: int) -> None:
        """Does all that an input or a command calls for: events to the program, bytes to the
        link."""
        if self.blocked:
            self._flush()
        # Writing ends loans, and what is told may write: all in this turn, since none may follow
        # for long. Credit and the link bound it.
        session = self.session
        if not self.blocked and session.has_output:
            self._write(now)
        while self._tell() and session.has_output and not self.blocked:
            self._write(now)
        if self._stop and not self.blocked:
            self._flush()
        if session.state == CLOSED:
            self._end(now)

    def _end(self, now: int) -> None:
        """The last bytes have their time to leave."""
        self._tell()  # the link may have ended the session
        if self._linger_until is None:
            self._linger_until = now + self.session.local.profile.close_ms
        elif now >= self._linger_until:
            self._link_ended = True
            self.session.link_lost()
            self._empty()

    def poll_timer(self) -> "Deadline":
        """The next deadline in ms, or None: then the session's `handle_timer`, and a turn."""
        if self._linger_until is None:
            return self.session.poll_timer()
        return None if self.finished else self._linger_until

    @property
    def finished(self) -> bool:
        """The session has ended, its last byte is with the link, and the peer has read it.

        That shows in the end of the link. Closing before it would make a reset of whatever is
        still on its way here (RFC 2525 section 2.17), and a reset may overtake the last words.
        """
        session = self.session
        return session.finished and not self._stop and (self._link_ended or not session.parting)

    def _tell(self) -> bool:
        """Gives the program what has happened; False when nothing has."""
        session = self.session
        event = session.next_event()
        told = event is not None
        while event is not None:
            self._on_event(event)
            event = session.next_event()
        return told

    def _write(self, now: int) -> None:
        """Takes what the session has to say; whenever the buffer is full, it goes to the link."""
        session = self.session
        while True:
            self._stop = session.poll_transmit(self._out, now, self._stop)
            # Where nothing is left to say, or the link is full, that was all.
            if not session.has_output or not self._stop or not self._flush():
                return

    def _flush(self) -> bool:
        """Hands the link what is left; True when it took all."""
        try:
            while self._at < self._stop:
                n = self.link.write(self._out, self._at, self._stop)
                if not n:
                    self.blocked = True
                    return False
                self._at += n
        except OSError:
            self._link_ended = True
            self.session.link_lost()
        self._empty()
        return True

    def _empty(self) -> None:
        """After much, there is room for several records, so that fewer writes carry them."""
        if self._stop * 2 > len(self._out) < self.session.local.profile.receive_bytes:
            try:
                self._out = bytearray(self.session.local.profile.receive_bytes)
            except MemoryError:
                pass  # more writes do, too
        self._at = self._stop = 0
        self.blocked = False

    # Ours

    def abandon(self) -> None:
        """The session has been ended and its link is not to be used again: tells the program."""
        self._link_ended = True
        self._empty()
        self._tell()
