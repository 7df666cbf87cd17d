"""One stream: its state, what it is about to send, and what has been received and not yet read."""

from dsoftbus.const import (
    EV_READABLE,
    EV_RESET,
    EV_WRITABLE,
    U30_MAX,
)
from dsoftbus.errors import (
    BAD_ARGUMENT,
    BAD_STATE,
    STREAM_CANCELLED,
    WINDOW_CREDIT,
    LocalError,
    PeerError,
)
from dsoftbus.mux.events import Event
from dsoftbus.mux.ring import Ring
from dsoftbus.mux.stream_states import (
    CLOSED,
    OFFERED_FINISHED,
    REMOTE_FINISHED,
    RESET,
    SEND_DATA,
    SEND_FIN,
    SEND_OPEN_ACK,
    SEND_RST,
    TABLE,
)

if False:  # for types
    from dsoftbus.contracts import Any, Buffer, Data
    from dsoftbus.mux.mux import Mux
    from dsoftbus.trust.session_guard import Control


# Control frames that a stream still owes, written in this order.
OWE_OPEN = 1
OWE_ACK = 2
OWE_WINDOW = 4
OWE_FIN = 8
OWE_RST = 16

REMOTE_ENDED = (OFFERED_FINISHED, REMOTE_FINISHED, CLOSED, RESET)


# Public


class Stream:
    """Bytes in order in both directions; made by its `Mux`.

    Sending borrows: what `send` took must not change until `pending` is 0 again. Nothing is
    queued beyond that one loan, so that back-pressure is always visible to the caller.
    """

    # Ours
    context: "Any" = None  # the driver's own, not read here
    control: "Control | None" = None  # who takes its events, where it is one of the bus's own

    # Public

    def __init__(self, mux: "Mux", number: int, name: str, priority: int, kind: int) -> None:
        self._mux = mux
        self.id = number
        self.name = name
        self.priority = priority
        self.kind = kind
        self.state = 0
        self.code = 0  # why it was reset, or why its session ended
        self.window = mux.profile.stream_credit
        # Ours
        self.owes = 0
        self.credit = mux.initial_credit  # what we may still send
        self.pending = 0  # bytes on loan that no frame has taken yet, prefix included
        self.loan: Data = b""
        self.loan_at = 0
        self.finishing = False  # FIN goes with the last frame of the loan
        self.queued = 0  # events that have not been taken
        self._wants_writable = False
        ring = mux.ring or Ring
        self.ring: Any = ring(mux.profile.stream_credit, mux.copy, mux.spares)
        self.receive_credit = self.window  # what the peer may still send
        self.released = 0  # read by the application, not yet given back to the peer
        self.readable_event = Event(EV_READABLE, self)
        self._writable = Event(EV_WRITABLE, self)
        self._ended = Event(EV_RESET, self)  # made now: the end may be a lack of memory

    # Sending

    def send(self, data: "Data", at: int = 0) -> int:
        """Takes bytes from `data[at:]` on loan; returns how many, 0 when it would block.

        After 0 an EV_WRITABLE follows as soon as there is something to gain.
        """
        if self.state + SEND_DATA not in TABLE:
            self._require(SEND_DATA)
        n = len(data) - at
        if n > self.credit:
            n = self.credit
        if self.pending or n <= 0:
            self._wants_writable = True
            return 0
        self._lend(data, at, n)
        return n

    def send_message(self, data: "Data") -> bool:
        """Streams of messages have it (`message_stream.MessageStream`)."""
        raise LocalError(BAD_ARGUMENT, self.name + " carries bytes")

    def finish(self) -> None:
        """Ends this direction after what is on loan; the peer reads up to the end."""
        self.state = self._require(SEND_FIN)
        self.finishing = True
        if not self.pending:
            self._mux.owe(self, OWE_FIN)

    def reset(self, code: int = STREAM_CANCELLED) -> None:
        """Ends both directions at once; what was not delivered is dropped. `code`: 1..255."""
        if not 0 < code < 256:
            raise LocalError(BAD_ARGUMENT, "code %d" % code)
        if self.over:
            self._discard()
        else:
            self.state = self._require(SEND_RST)
            self.abandon(code)
            self._mux.owe(self, OWE_RST)
        self._mux.forget_if_done(self)

    def accept(self) -> None:
        """Agrees to a stream that the peer opened."""
        self.state = self._require(SEND_OPEN_ACK)
        self._mux.owe(self, OWE_ACK)

    def _require(self, trigger: int) -> int:
        state = TABLE.get(self.state + trigger)
        if state is None:
            raise LocalError(BAD_STATE, "stream " + self.name)
        return state

    def _lend(self, data: "Data", at: int, n: int) -> None:
        mux = self._mux
        mux.schedule.push(self)  # first, for it may lack memory
        mux.has_output = True  # where there is no credit, fill() finds that
        self.loan = data
        self.loan_at = at
        self.pending = n
        self.credit -= n

    # Receiving

    @property
    def readable(self) -> int:
        """Bytes that have been received and not read."""
        return self.ring.used

    def recv_into(self, buffer: "Buffer", at: int = 0, n: int = -1) -> int:
        """Moves up to `n` bytes (or what `buffer` holds) to `buffer[at:]`; returns how many."""
        room = max(len(buffer) - at, 0)
        n = min(self.ring.used, room if n < 0 else min(n, room))
        if n > 0:
            self.ring.take_into(buffer, at, n)
            self._grant(n)
        return n

    def recv(self, n: int) -> bytes:
        """At most `n` bytes, as many as lie together in the ring; b"" when there are none."""
        data = self.ring.take(n)
        self._grant(len(data))
        return data

    def peek(self) -> memoryview:
        """A view of received bytes, borrowed until the next call; `drop(n)` takes them."""
        return self.ring.view()

    def _grant(self, n: int) -> None:
        """The application has read `n` bytes: credit for the stream, in steps, and session."""
        self._mux.release(n)
        if self.state in REMOTE_ENDED:
            self._mux.forget_if_done(self)
            return
        self.released += n
        if self.released * self._mux.eager < self.receive_credit:
            return  # the common case, without a call
        if (
            self.released * 8 >= self.window
        ):  # crumbs cost more than they bring (RFC 9293, 3.8.6.2.2)
            if self._mux.resize is not None:
                self._mux.resize(self._mux, self)
            if self.released:
                self._mux.owe(self, OWE_WINDOW)

    # Ending

    def _discard(self) -> None:
        self._mux.release(self.ring.used)
        self.ring.drop(self.ring.used)

    @property
    def over(self) -> bool:
        """Nothing of it is to be sent any more, nor to come."""
        if self.state == CLOSED:
            return not (self.pending or self.owes & OWE_FIN)
        return self.state == RESET

    # Ours: what its mux, its driver and its guard ask of it

    def want_writable(self) -> None:
        """Asks for an EV_WRITABLE when the loan has been returned."""
        self._wants_writable = True

    def keep_loan(self) -> None:
        """The lender takes its buffer back early: what is pending is copied."""
        if self.pending:
            self.loan = bytes(memoryview(self.loan)[self.loan_at : self.loan_at + self.pending])
            self.loan_at = 0

    def allow_messages(self, max_message: int) -> None:
        """The peer takes messages of this size, where it is a stream of messages."""
        self.note_writable()

    def take_loan(self, out: "Buffer", at: int, n: int) -> None:
        """Moves the next `n` bytes of the loan into a frame; the last one ends the loan."""
        self.pending -= n
        self._mux.copy(out, at, self.loan, self.loan_at, n)
        self.loan_at += n
        if not self.pending:
            self.loan = b""
            if self._wants_writable:
                self.note_writable()

    def note_writable(self) -> None:
        if self._wants_writable and not self.pending:
            self._wants_writable = False
            self._mux.post(self._writable)

    @property
    def at_end(self) -> bool:
        """True when all has been read and nothing more will come."""
        return not self.ring.used and self.state in REMOTE_ENDED

    def drop(self, n: int) -> None:
        if not 0 <= n <= self.ring.used:
            raise LocalError(BAD_ARGUMENT, "drop more than is there")
        self.ring.drop(n)
        self._grant(n)

    def fail(self, code: int) -> None:
        """The peer broke the rules of this stream: reset it, and let the program know."""
        if self.state != RESET:
            self.code = code
            self.note_reset()  # first, for it keeps the stream's place until it has been told
        self.reset(code)

    def abandon(self, code: int) -> None:
        """Drops what was to be sent and what was received."""
        self.code = code
        self.cancel_loan()
        self._mux.forgive(self)
        self._discard()

    def cancel_loan(self) -> None:
        if self.pending:
            self.pending = 0
            self._mux.schedule.remove(self)
            self._mux.note_output()
        self.loan = b""
        self.note_writable()

    def end_with_session(self, code: int) -> None:
        """The session is gone. Received bytes can still be read; then comes the end."""
        if self.over:
            return
        if self.state not in REMOTE_ENDED:
            self.code = code
        self.state = RESET
        self.cancel_loan()
        self._ended.code = code
        self._mux.post(self._ended)

    def note_reset(self) -> None:
        self._ended.code = self.code
        self._mux.post(self._ended)


def add_credit(credit: int, increment: int) -> int:
    """Credit after a WINDOW_UPDATE. Raises PeerError(WINDOW_CREDIT) for one that cannot be."""
    if increment == 0 or increment > U30_MAX - credit:
        raise PeerError(WINDOW_CREDIT, "window update")
    return credit + increment
