"""The pump: the whole of what a backend does with a session on a stream link.

A link gives three non-blocking calls:

- `readinto(view) -> n`: how many bytes it read; 0 at the end of the link; None when there are
  none now;
- `write(buffer, at, stop) -> n`: how much of `buffer[at:stop]` it took; None when it takes
  none now. What it took it does not look at again;
- `close()`.

An OSError from `readinto` or `write` is the end of the link.
"""

from dsoftbus.link.records import SMALL_BUFFER
from dsoftbus.session.session import CLOSED


class Pump:
    """Moves a session's bytes, timers and events. `on_event(event)` is the program's."""

    def __init__(self, session, link, on_event):
        self.session = session
        self.link = link
        self._on_event = on_event
        self._out = bytearray(SMALL_BUFFER)  # grows with the first turn that has much to send
        self._at = 0
        self._stop = 0
        self.blocked = False  # the link took less than it was given: call again when it can

    def run(self, now: int):
        """Read, do what is due, answer. Returns the next deadline in ms, or None."""
        self.read(now)
        self.session.handle_timer(now)
        self.turn(now)
        return self.session.poll_timer()

    def read(self, now: int) -> int:
        """Feeds the session what one read gives; returns how many bytes that was."""
        try:
            n = self.link.readinto(self.session.space())
        except OSError:
            n = 0
        if n:
            self.session.filled(n, now)
        elif n == 0:
            self.session.link_lost()
        return n or 0

    def turn(self, now: int) -> None:
        """What follows from an input or a command: events to the program, bytes to the link."""
        session = self.session
        event = session.next_event()
        while event is not None:
            self._on_event(event)
            event = session.next_event()
        if self._at == self._stop or self._flush():
            self._write(now)
        if session.state == CLOSED:
            self._end(now)

    def _end(self, now: int) -> None:
        """Writing may have ended the session: its last event is still to be told."""
        event = self.session.next_event()
        while event is not None:
            self._on_event(event)
            event = self.session.next_event()
        if self.finished:
            self.link.close()

    @property
    def finished(self) -> bool:
        """The session has ended, and its last byte is with the link."""
        return self.session.finished and self._at == self._stop

    def _write(self, now: int) -> None:
        n = self.session.poll_transmit(self._out, now)
        while n:
            self._at = 0
            self._stop = n
            if not self._flush():
                return
            if n * 2 > len(self._out):
                self._grow()
            n = self.session.poll_transmit(self._out, now) if self.session.has_output else 0

    def _grow(self) -> None:
        """Much to send: room for several records, so that fewer writes carry them."""
        full = self.session.local.profile.receive_bytes
        if len(self._out) < full:
            self._out = bytearray(full)

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
            self._at = self._stop = 0
            self.session.link_lost()
        self.blocked = False
        return True
