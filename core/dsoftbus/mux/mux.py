"""Mux v2: named streams over one session (docs/wire-format.md, frames).

`receive` reads frames from opened plaintext, `fill` writes frames into the room of the next
record. Control frames go first and are bounded by the tables they speak of; data follows by
priority. A PeerError out of `receive` ends the session; a stream's fault only resets the stream.
"""

from collections import deque
from struct import pack_into

from dsoftbus.base.codec import Reader, get_u32
from dsoftbus.base.spares import Spares
from dsoftbus.const import (
    CLOSE,
    DATA,
    EV_ACCEPTED,
    EV_OPENED,
    FLAG_FIN,
    FRAME_HEADER,
    FRAME_PAYLOAD_MAX,
    KIND_BYTES,
    KIND_MESSAGES,
    OPEN,
    OPEN_ACK,
    PING,
    PONG,
    RESERVED_PREFIX,
    RST,
    STREAM_NAME_MAX,
    U30_MAX,
    WINDOW_UPDATE,
)
from dsoftbus.errors import (
    FRAME_OVERSIZE,
    INVALID_STREAM_STATE,
    MALFORMED,
    NO_SUCH_SERVICE,
    STREAM_LIMIT,
    STREAM_REFUSED,
    UNAUTHENTICATED_SESSION,
    UNKNOWN_STREAM_FRAME,
    WINDOW_CREDIT,
    LocalError,
    PeerError,
)
from dsoftbus.mux.admission import check_own, check_peers, new_stream, refusal
from dsoftbus.mux.events import Event
from dsoftbus.mux.frames import (
    CODE_FRAME,
    HEADER,
    NUMBER_FRAME,
    OPEN_BODY,
    put_code,
    put_header,
    put_number,
    put_open,
)
from dsoftbus.mux.scheduler import Scheduler
from dsoftbus.mux.stream import (
    OWE_ACK,
    OWE_FIN,
    OWE_OPEN,
    OWE_RST,
    OWE_WINDOW,
    Stream,
    add_credit,
)
from dsoftbus.mux.stream_states import (
    CLOSED,
    IDLE,
    OPENING_FINISHED,
    RECV_DATA,
    RECV_FIN,
    RECV_OPEN,
    RECV_OPEN_ACK,
    RECV_RST,
    RECV_WINDOW,
    RESET,
    SEND_OPEN,
    TABLE,
)

if False:  # for types
    from dsoftbus.contracts import Any, Buffer, Copy, Profile
    from dsoftbus.handshake.hello import Hello
    from dsoftbus.mux.keepalive import Keepalive
    from dsoftbus.trust.session_guard import Control

_OPEN_FRAME_MAX = FRAME_HEADER + OPEN_BODY + STREAM_NAME_MAX


class Mux:
    """One side of a session's streams. `keepalive` checks the pongs; `copy` moves payload."""

    resize: "Any" = None  # `windows.resize`, or windows stay
    ring: "Any" = None  # what streams receive into, where that is not `ring.Ring`
    control: "Control | None" = None  # asked before each stream, and takes those of the bus's own

    def __init__(self, initiator: bool, profile: "Profile", copy: "Copy", keepalive: "Keepalive"):
        self.profile = profile
        self._frame_payload = profile.frame_payload
        self.copy = copy
        self.eager = 1  # a stream gives credit back at 1 / eager of what its peer has left
        self.spares = Spares(profile.spare_rings)
        self._reader = Reader(b"")  # of control frames: one for all, so that none allocates
        self._keepalive = keepalive
        self._parity = 1 if initiator else 0
        self._last_own = -1 if initiator else 0
        self._last_peer = 0 if initiator else -1
        self._streams: dict[int, Stream] = {}
        limit = 2 * profile.streams
        self.schedule = Scheduler(limit)
        self._debtors: deque[Stream] = deque((), limit)  # who owes control frames, each once
        self._refusals: list[tuple[int, int]] = []  # (id, code) of streams that never were
        # A queue of which each event is a link: none is made. A stream has four, each queued once.
        self.first_event: Event | None = None
        self._last_event: Event = None  # type: ignore[assignment] # there is one where it is used
        self._peer_streams = 0  # how many the peer lets us hold open
        self.initial_credit = 0
        self._credit = 0  # what we may send on all streams together
        self._receive_credit = profile.session_credit  # what the peer may
        self._released = 0
        # What others have read waits for a reader that stands still, but not more than a frame.
        self._release_step = min(profile.session_credit // 8, profile.frame_payload)
        self.windows = 0  # sum over live streams
        self._ping = -1
        self._pong = -1
        self._control_due = False  # something other than data waits for fill()
        self.has_output = False  # fill() may have something to write now
        self.peer_close = -1  # the code of the peer's CLOSE
        self._ended = False

    def start(self, hello: "Hello") -> None:
        """The peer is authenticated, and this is what it can take."""
        self._peer_streams = min(hello.streams, self.profile.streams)
        self.initial_credit = hello.stream_credit
        self._credit = hello.session_credit

    # Commands

    def open(self, name: str, priority: int, kind: int = KIND_BYTES) -> Stream:
        """A new stream to the peer. Data may follow at once."""
        if not self.initial_credit:
            raise LocalError(UNAUTHENTICATED_SESSION)
        check_own(name, priority, kind)
        refused = self._gate(True, name) or refusal(
            self._streams, self._parity, self._peer_streams, name
        )
        if not refused and self._last_own > U30_MAX - 2:
            refused = STREAM_LIMIT  # a session has no ids for more than half a billion streams
        if refused:
            raise LocalError(refused, name)
        stream = self._add(self._last_own + 2, name, priority, kind)
        self._last_own += 2
        stream.state = TABLE[IDLE + SEND_OPEN]
        self.owe(stream, OWE_OPEN)
        return stream

    def ping(self, now: int) -> None:
        """Asks the peer for a sign of life, unless a ping is under way already."""
        if self._keepalive.waiting:
            return
        self._ping = self._keepalive.ask(now)
        self._control_due = self.has_output = True

    def end(self, code: int) -> None:
        """The session has ended: every stream learns why, but for the bus's own, whose control
        is told when the session leaves. Allocates nothing."""
        self._ended = True
        for number in self._streams:
            self._streams[number].end_with_session(code)
        self._control_due = self.has_output = False

    # Inputs

    def receive(self, buffer: "Buffer", at: int, stop: int, now: int) -> int:
        """Takes the frames in `buffer[at:stop]`, which has been authenticated. Returns `stop`, or
        the index of the first one that found no memory, which has to come again."""
        if not self.initial_credit:
            raise PeerError(UNAUTHENTICATED_SESSION)
        while at < stop:
            if stop - at < FRAME_HEADER:
                raise PeerError(MALFORMED, "frame header")
            n = buffer[at + 2] << 8 | buffer[at + 3]
            body = at + FRAME_HEADER
            if n > FRAME_PAYLOAD_MAX or body + n > stop:
                raise PeerError(FRAME_OVERSIZE, str(n))
            number = get_u32(buffer, at + 4)
            if buffer[at] == DATA:
                if not self._on_data(number, buffer[at + 1], buffer, body, n):
                    break
            elif buffer[at + 1]:
                raise PeerError(MALFORMED, "flags of a control frame")
            else:
                self._on_control(buffer[at], number, buffer, body, n, now)
            at = body + n
        return at

    def _on_data(self, number: int, flags: int, buffer: "Buffer", at: int, n: int) -> bool:
        if flags > FLAG_FIN or (n == 0 and not flags):
            raise PeerError(MALFORMED, "data frame")
        stream = self._streams.get(number) or self._find(number)
        if n > self._receive_credit or (stream is not None and n > stream.receive_credit):
            raise PeerError(WINDOW_CREDIT, "data beyond credit")
        kept = False  # else it crossed the stream's end on the way, or breaks the stream's rules
        if stream is not None and stream.state != RESET:
            kept = stream.state + RECV_DATA in TABLE
            if kept and n:
                try:
                    stream.ring.put(buffer, at, n)
                except MemoryError:
                    return False  # nothing has changed
                stream.receive_credit -= n
                if not stream.readable_event.queued:
                    self.post(stream.readable_event)
        self._receive_credit -= n
        if self._released >= self._receive_credit:
            self._note_released()
        if stream is None or not kept:
            if stream is not None:
                self._advance(stream, RECV_DATA)
            self.release(n)
        elif flags:
            self._advance(stream, RECV_FIN)
            self.post(stream.readable_event)
        return True

    def _on_control(
        self, kind: int, number: int, buffer: "Buffer", at: int, n: int, now: int
    ) -> None:
        reader = self._reader
        reader.over(buffer, at, at + n)
        if kind == WINDOW_UPDATE:
            self._on_window(number, reader.u32())
        elif kind == OPEN:
            self._on_open(number, reader)
        elif kind == OPEN_ACK:
            self._on_open_ack(number, reader.u32())
        elif kind == RST:
            self._on_rst(number, reader.u8())
        elif number:
            raise PeerError(MALFORMED, "frame type")
        elif kind == PING:
            self._pong = reader.u32()  # a flood of pings is answered by its last
            self._control_due = self.has_output = True
        elif kind == PONG:
            self._keepalive.answered(reader.u32(), now)
        elif kind == CLOSE:
            self.peer_close = reader.u8()
        else:
            raise PeerError(MALFORMED, "frame type")
        reader.finish()

    def _on_window(self, number: int, increment: int) -> None:
        if number == 0:
            self._credit = add_credit(self._credit, increment)
            self.note_output()
            return
        stream = self._find(number)
        if stream is None:
            return
        credit = add_credit(stream.credit, increment)
        if self._advance(stream, RECV_WINDOW):
            stream.credit = credit
            stream.note_writable()

    def _on_open(self, number: int, reader: Reader) -> None:
        if number in self._streams:
            reader.raw(reader.left)
            self._advance(self._streams[number], RECV_OPEN)
            return
        if number % 2 == self._parity or number <= self._last_peer:
            raise PeerError(INVALID_STREAM_STATE, "stream id")
        priority, kind, max_message = reader.u8(), reader.u8(), reader.u32()
        raw = reader.raw(reader.left)
        self._last_peer = number
        try:
            name = self._admit(priority, kind, raw)
        except PeerError as refused:
            self._refuse(number, refused.code)
            return
        try:
            opened = Event(EV_OPENED)
            stream = opened.stream = self._add(number, name, priority, kind)
        except MemoryError:
            self._refuse(number, STREAM_REFUSED)
            return
        stream.state = TABLE[IDLE + RECV_OPEN]
        stream.allow_messages(max_message)
        self.post(opened)

    def _admit(self, priority: int, kind: int, raw: bytes) -> str:
        """The name of a stream that the peer may open, or PeerError with the reason."""
        name = check_peers(raw, priority, kind)
        refused = self._gate(False, name) or refusal(
            self._streams, 1 - self._parity, self.profile.streams, name
        )
        if refused:
            raise PeerError(refused)
        return name

    def _gate(self, outgoing: bool, name: str) -> int:
        """Asked before a stream exists, and before anything of the others shows."""
        if self.control is not None:
            return self.control.gate(outgoing, name)
        # A node without trust has no streams of the bus's own, and no program may pose as one.
        return NO_SUCH_SERVICE if name.startswith(RESERVED_PREFIX) and not outgoing else 0

    def _refuse(self, number: int, code: int) -> None:
        if len(self._refusals) >= 2 * self.profile.streams:
            raise PeerError(STREAM_LIMIT, "refused streams keep coming")
        self._refusals.append((number, code))
        self._control_due = self.has_output = True

    def _on_open_ack(self, number: int, max_message: int) -> None:
        stream = self._find(number)
        if stream is not None and self._advance(stream, RECV_OPEN_ACK) and stream.state != RESET:
            stream.allow_messages(max_message)
            self.post(Event(EV_ACCEPTED, stream))

    def _on_rst(self, number: int, code: int) -> None:
        if code == 0:
            raise PeerError(MALFORMED, "reset without a code")
        stream = self._find(number)
        if stream is not None and not stream.over and self._advance(stream, RECV_RST):
            stream.abandon(code)
            stream.note_reset()

    def _find(self, number: int) -> Stream | None:
        """The live stream, None for one that has ended; PeerError for one that never was."""
        stream = self._streams.get(number)
        if stream is None:
            if number < 0:
                raise PeerError(MALFORMED, "stream id")
            last = self._last_own if number % 2 == self._parity else self._last_peer
            if number == 0 or number > last:
                raise PeerError(UNKNOWN_STREAM_FRAME, str(number))
        return stream

    def _advance(self, stream: Stream, trigger: int) -> bool:
        """Moves `stream` by the table; an illegal trigger resets it and returns False."""
        state = TABLE.get(stream.state + trigger)
        if state is None:
            if stream.state < CLOSED:
                stream.fail(INVALID_STREAM_STATE)
            return False
        stream.state = state
        return True

    # Outputs

    @property
    def idle(self) -> bool:
        """True when nothing that was taken for sending is left, credit or not, and the peer has
        answered each stream on which all has been said: nobody takes it up after the end."""
        waiting = self.schedule.waiting or self._debtors
        for number in self._streams:
            waiting = waiting or self._streams[number].state == OPENING_FINISHED
        return not waiting

    def fill(self, out: "Buffer", at: int, limit: int) -> int:
        """Writes frames into `out[at:limit]`; returns the index past the last one."""
        if self._control_due:
            at = self._fill_control(out, at, limit)
            if self._control_due:
                return at  # the record is full
        start = at
        schedule = self.schedule
        while schedule.waiting and self._credit > 0:
            room = limit - at - FRAME_HEADER
            stream = schedule.peek()
            n = stream.pending
            if n > self._frame_payload:
                n = self._frame_payload
            if n > self._credit:
                n = self._credit
            if n > room:
                # Only a record's first frame is cut to fit: large writes are not shredded.
                if at > start or room < 1:
                    break
                n = room
            at = self._put_data(stream, out, at, n)
        self.has_output = schedule.waiting != 0 and self._credit > 0
        return at

    def _fill_control(self, out: "Buffer", at: int, limit: int) -> int:
        at = self._fill_session(out, at, limit)
        while self._debtors and limit - at >= _OPEN_FRAME_MAX:
            at = self._pay(self._debtors.popleft(), out, at)
        self._control_due = bool(
            self._debtors or self._refusals or self._pong >= 0 or self._ping >= 0
        )
        return at

    def next_event(self) -> Event | None:
        """The oldest event, or None. Once the session has ended, a stream that the peer opened and
        that nobody has heard of has none."""
        event = self.first_event
        while event is not None:
            self.first_event = event.next
            event.next = None
            event.queued = False
            stream: Stream = event.stream  # type: ignore[assignment] # each of a mux has one
            stream.queued -= 1
            if stream.state >= CLOSED:
                self.forget_if_done(stream)
            if not self._ended:
                break
            if event.kind == EV_OPENED:
                stream.context = self  # the mark of those that stay untold
            if stream.context is not self:
                break
            event = self.first_event
        return event

    def _fill_session(self, out: "Buffer", at: int, limit: int) -> int:
        if self._pong >= 0 and limit - at >= NUMBER_FRAME:
            at = put_number(out, at, PONG, 0, self._pong)
            self._pong = -1
        if self._ping >= 0 and limit - at >= NUMBER_FRAME:
            at = put_number(out, at, PING, 0, self._ping)
            self._ping = -1
        if self._window_due and limit - at >= NUMBER_FRAME:
            at = put_number(out, at, WINDOW_UPDATE, 0, self._released)
            self._receive_credit += self._released
            self._released = 0
        while self._refusals and limit - at >= CODE_FRAME:
            number, code = self._refusals.pop(0)
            at = put_code(out, at, RST, number, code)
        return at

    def _pay(self, stream: Stream, out: "Buffer", at: int) -> int:
        """Writes the first control frame that `stream` owes."""
        owes = stream.owes
        if owes & OWE_OPEN:
            owed = OWE_OPEN
            at = put_open(out, at, stream, self._max_message(stream))
        elif owes & OWE_ACK:
            owed = OWE_ACK
            at = put_number(out, at, OPEN_ACK, stream.id, self._max_message(stream))
        elif owes & OWE_WINDOW:
            owed = OWE_WINDOW
            at = put_number(out, at, WINDOW_UPDATE, stream.id, stream.released)
            stream.receive_credit += stream.released
            stream.released = 0
        elif owes & OWE_FIN:
            owed = OWE_FIN
            at = put_header(out, at, DATA, FLAG_FIN, 0, stream.id)
        else:
            owed = OWE_RST
            at = put_code(out, at, RST, stream.id, stream.code)
        stream.owes = owes & ~owed
        if stream.owes:
            self._debtors.append(stream)
        else:
            self.forget_if_done(stream)
        return at

    def _max_message(self, stream: Stream) -> int:
        return self.profile.max_message if stream.kind == KIND_MESSAGES else 0

    def _put_data(self, stream: Stream, out: "Buffer", at: int, n: int) -> int:
        """Frames the next `n` bytes of the stream's loan."""
        self.schedule.pop()
        self._credit -= n
        last = n == stream.pending
        flags = FLAG_FIN if last and stream.finishing else 0
        pack_into(HEADER, out, at, DATA, flags, n, stream.id)
        at += FRAME_HEADER
        stream.take_loan(out, at, n)
        if not last:
            self.schedule.push(stream)
        elif flags:
            self.forget_if_done(stream)
        return at + n

    def live(self) -> list[Stream]:
        """The streams that are there."""
        return list(self._streams.values())

    # What streams ask of their mux

    def note_output(self) -> None:
        """Notes whether fill() has something to write: data waits for credit, too."""
        self.has_output = self._control_due or (self.schedule.waiting != 0 and self._credit > 0)

    def owe(self, stream: Stream, what: int) -> None:
        """`stream` owes a control frame of the kind `what`."""
        if not stream.owes:
            self._debtors.append(stream)
        stream.owes |= what
        self._control_due = self.has_output = True

    def forgive(self, stream: Stream) -> None:
        """Drops what `stream` owes, but for an OPEN that a RST must follow."""
        if stream.owes and not stream.owes & OWE_OPEN:
            for _ in range(len(self._debtors)):
                other = self._debtors.popleft()
                if other is not stream:
                    self._debtors.append(other)
        stream.owes &= OWE_OPEN

    def post(self, event: Event) -> None:
        """Queues `event` unless it is queued already; one of the bus's own streams is handled."""
        stream: Stream = event.stream  # type: ignore[assignment] # as in `next_event`
        if stream.control is not None:
            if not self._ended:
                stream.control.on_event(event)
                self.forget_if_done(stream)
        elif not event.queued:
            event.queued = True
            stream.queued += 1
            if self.first_event is None:
                self.first_event = event
            else:
                self._last_event.next = event
            self._last_event = event

    def release(self, n: int) -> None:
        """`n` received bytes have left this session's memory."""
        self._released += n
        if self._released >= self._receive_credit:
            self._note_released()

    def forget_if_done(self, stream: Stream) -> None:
        """Frees the place of a stream that has ended, sent all it owes and has been read."""
        if stream.state < CLOSED or stream.owes or stream.pending or stream.queued:
            return
        if not stream.ring.used and self._streams.pop(stream.id, False):
            self.windows -= stream.window

    def _note_released(self) -> None:
        """The peer has no more left than was released: worth a WINDOW_UPDATE, unless tiny."""
        if self._released >= self._release_step:
            self._control_due = self.has_output = True

    @property
    def _window_due(self) -> bool:
        return self._released >= max(self._receive_credit, self._release_step)

    def _add(self, number: int, name: str, priority: int, kind: int) -> Stream:
        stream = new_stream(self, number, name, priority, kind)
        if name.startswith(RESERVED_PREFIX):
            stream.control = self.control
        self._streams[number] = stream
        self.windows += stream.window
        return stream
