"""A stream of the bus's own: short messages in order, for as long as both sides have any."""

from dsoftbus.const import EV_ACCEPTED, EV_READABLE, EV_RESET, EV_WRITABLE
from dsoftbus.errors import STREAM_REFUSED, BusError

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.mux.events import Event
    from dsoftbus.mux.message_stream import MessageStream


class MessageChannel:
    """Carries messages over `stream`. `on_message(talk, bytes)` gets those of the peer; what it
    raises ends the session. `on_end(code)` is called once, when no more can come."""

    def __init__(
        self,
        stream: "MessageStream",
        on_message: "Callable[[MessageChannel, bytes], None]",
        on_end: "Callable[[int], None]",
    ) -> None:
        self._stream = stream
        self._on_message = on_message
        self._on_end = on_end
        self._out: list[bytes] = []  # few: each side answers one message with one, or ends
        self._finishing = False
        self._ended = False

    def send(self, message: bytes) -> None:
        self._out.append(message)
        self._push()

    def finish(self) -> None:
        """Ends this side behind the last message."""
        self._finishing = True
        self._push()

    def refuse(self, code: int) -> None:
        """Ends both sides at once; the peer learns the code."""
        self._out = []
        self._stream.reset(code)
        self._end(code)

    def on_event(self, event: "Event") -> None:
        if event.kind == EV_READABLE:
            self._read()
        elif event.kind == EV_ACCEPTED or event.kind == EV_WRITABLE:
            self._push()
        elif event.kind == EV_RESET:
            self._end(event.code)

    def _read(self) -> None:
        stream = self._stream
        try:
            message = stream.recv_message()
            while message is not None:
                self._on_message(self, bytes(message))
                message = stream.recv_message()
        finally:
            if stream.at_end:
                self._end(0)

    def _push(self) -> None:
        """Sends what the stream takes now; its EV_WRITABLE calls for the rest."""
        try:
            while self._out and self._stream.send_message(self._out[0]):
                self._out.pop(0)
            if self._finishing and not self._out:
                self._finishing = False
                self._stream.finish()
        except BusError:  # the stream has ended, or its peer takes no message as long as ours
            self._out = []
            self._end(self._stream.code or STREAM_REFUSED)

    def _end(self, code: int) -> None:
        if not self._ended:
            self._ended = True
            self._on_end(code)
