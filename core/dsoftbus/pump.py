"""The pump: the whole of what a backend does with a session on a stream link.

A link gives three non-blocking calls:

- `readinto(view) -> n`: how many bytes it read; 0 at the end of the link; None when there are
  none now;
- `write(buffer, at, stop) -> n`: how much of `buffer[at:stop]` it took; None when it takes
  none now. What it took it does not look at again;
- `close()`.

An OSError from `readinto` or `write` is the end of the link.
"""


class Pump:
    """Moves a session's bytes, timers and events. `on_event(event)` is the program's."""

    def __init__(self, session, link, on_event):
        self.session = session
        self.link = link
        self._on_event = on_event
        # Long enough for what one read can answer; the session fills it record by record.
        self._out = bytearray(session.local.profile.receive_bytes)
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
        self._write(now)
        event = session.next_event()
        while event is not None:
            self._on_event(event)
            event = session.next_event()
        self._write(now)
        if self.finished:
            self.link.close()

    @property
    def finished(self) -> bool:
        """The session has ended, and its last byte is with the link."""
        return self.session.finished and self._at == self._stop

    def _write(self, now: int) -> None:
        try:
            while self._flush():
                self._at = 0
                self._stop = self.session.poll_transmit(self._out, now)
                if not self._stop:
                    break
        except OSError:
            self._at = self._stop = 0
            self.session.link_lost()

    def _flush(self) -> bool:
        """Hands the link what is left; True when it took all."""
        while self._at < self._stop:
            n = self.link.write(self._out, self._at, self._stop)
            if not n:
                self.blocked = True
                return False
            self._at += n
        self.blocked = False
        return True
