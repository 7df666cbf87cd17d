"""A session on a link that carries a stream of bytes (TCP)."""

from dsoftbus.base.ticks import earliest
from dsoftbus.const import (
    CLOSE,
    LINK_STREAM,
    REC_INIT,
    REC_PROTECTED,
    REC_REFUSE,
    RECORD_HEADER,
    TAG_BYTES,
)
from dsoftbus.errors import HANDSHAKE_BUDGET, Unsupported
from dsoftbus.mux.frames import CODE_FRAME, put_code
from dsoftbus.record.protect import RECORD_OVERHEAD, StreamProtect
from dsoftbus.record.records import RecordReader, record
from dsoftbus.session.session import AWAIT_INIT, CLOSED, CLOSING, FAULTS, Session

if False:  # for types
    from dsoftbus.contracts import Address, Buffer, Data, Deadline
    from dsoftbus.handshake.handshake import Handshake
    from dsoftbus.session.node_config import NodeConfig


_LINK = bytes((LINK_STREAM,))
_LENGTH_FIELD = 2
FAREWELL_BYTES = RECORD_OVERHEAD + CODE_FRAME


class StreamSession(Session):
    """Feed it with `receive_data`, or with `space()` and `filled(n)`; empty `poll_transmit`."""

    path: "Address" = None  # where a responder's link comes from; None: from nobody who has to pay
    held: bytes | None = b""

    def __init__(
        self, local: "NodeConfig", now: int, remote_static: bytes | None = None, suite: int = 1
    ) -> None:
        self._reader = RecordReader(local.suite(suite).copy)
        self._outbox = b""  # handshake records, or the farewell: few, short and whole
        self.protection: StreamProtect = None  # type: ignore[assignment] # from `_secure` on
        self._record_bytes = 0
        super().__init__(local, now, remote_static, suite)

    def send_datagram(self, data: "Data") -> bool:
        """A stream link has no unreliable messages."""
        raise Unsupported("unreliable messages on a stream link")

    # Inputs

    def receive_data(self, data: "Data", now: int) -> int:
        """Bytes from the link, in pieces of any size; returns how many were taken, fewer while the
        session is `stalled`. Never raises for what the peer did."""
        at = 0
        n = len(data)
        try:
            while at < n and self.state != CLOSED and self.stalled is None:
                at += self._reader.push(data, at, n - at)
                self._process(now)
        except MemoryError as error:
            self.fail(error)
        return at

    def space(self) -> memoryview:
        """A view for the link to read into, never empty; `filled(n)` says how much it read. Not to
        be called while the session is `stalled`."""
        if self.state != CLOSED:
            try:
                return self._reader.space()
            except MemoryError as error:
                self.fail(error)
        return self._reader.forget()  # what still comes is not looked at

    def filled(self, n: int, now: int) -> None:
        """The link has read `n` bytes into the view of `space()`."""
        if self.state != CLOSED:
            self._reader.end += n
            self._process(now)

    def _process(self, now: int) -> None:
        reader = self._reader
        try:
            while self.state != CLOSED:
                kind = REC_PROTECTED if self.stalled is not None else reader.next()
                if kind == 0:
                    break
                if kind == REC_PROTECTED and self.mux is not None:
                    self._take_frames(now)
                else:
                    self.on_handshake(kind, bytes(reader.buffer[reader.at : reader.stop]), now)
                if reader.empty or self.stalled is not None:
                    break
        except FAULTS as error:
            self.fail(error)

    def resume(self, now: int) -> None:
        self._process(now)

    def _take_frames(self, now: int) -> None:
        """Takes the frames of the record that the reader found last, as far as there is memory;
        after a lack of it the rest of them."""
        reader = self._reader
        buffer = reader.buffer
        if self.stalled is None:
            reader.stop = self.protection.open(buffer, reader.at, reader.stop)
        stop = reader.stop
        reader.at = at = self._on_frames(buffer, reader.at, stop, now)
        if at < stop or self.stalled is not None:
            self._note_stalled(at < stop, now)

    def handle_timer(self, now: int) -> None:
        if self.held and self.half_open and now >= self.again_at:
            try:
                if now >= self._deadline:
                    self.refuse(HANDSHAKE_BUDGET)
                else:
                    self.on_handshake(REC_INIT, self.held, now)
            except FAULTS as error:
                self.fail(error)
        super().handle_timer(now)

    # Outputs

    def poll_timer(self) -> "Deadline":
        deadline = super().poll_timer()
        return earliest(deadline, self.again_at) if self.held and self.half_open else deadline

    def poll_transmit(self, out: "Buffer", now: int, at: int = 0) -> int:
        """Writes what is to be sent into `out[at:]`; returns the index past it.

        The caller sends all of it, in order, and asks again until nothing is added. An `out` of
        one record's length, and empty, always takes something.
        """
        if self._outbox:
            stop = at + len(self._outbox)
            if stop > len(out):
                return at
            out[at:stop] = self._outbox
            self._outbox = b""
            at = stop
        if self.mux is None or self.state == CLOSED:
            return at
        at = self._fill_records(out, at)
        if self.state == CLOSING:
            self._close_when_idle(now)
        return at

    def _fill_records(self, out: "Buffer", at: int) -> int:
        """Writes as many whole records as there is room for, or output; a fault ends the
        session."""
        room = len(out)
        size = self._record_bytes if self._record_bytes < room else room
        end = room - size
        mux = self.mux
        try:
            while at <= end:
                stop = mux.fill(out, at + RECORD_HEADER, at + size - TAG_BYTES)
                if stop == at + RECORD_HEADER:
                    break
                at = self.protection.seal(out, at, stop)
                if not mux.has_output:
                    break
        except FAULTS as error:
            self.fail(error)
        return at  # with the records that are sealed: the peer counts them

    @property
    def has_output(self) -> bool:
        """True when poll_transmit() may have something to give now."""
        mux = self.mux
        return bool(self._outbox) or (mux is not None and mux.has_output)

    @property
    def finished(self) -> bool:
        """Closed, and the last byte has been handed out: the link may go."""
        return self.state == CLOSED and not self._outbox

    def link_lost(self) -> None:
        """The link has ended under the session; nothing more can be told to the peer."""
        super().link_lost()
        self._outbox = b""

    # The handshake

    def on_handshake(self, kind: int, body: bytes, now: int) -> None:
        """An INIT is answered when its budget bears that: until then it waits."""
        if kind == REC_INIT and self.state == AWAIT_INIT:
            from dsoftbus.handshake.arrivals import must_wait  # for a while, as `handshake` says

            if self.path is not None and must_wait(self, body, now):
                return
            self.held = None
        super().on_handshake(kind, body, now)

    # What Session asks of its link

    def _new_handshake(self, suite: int, remote_static: bytes | None) -> "Handshake":
        from dsoftbus.handshake.handshake import Handshake  # for a while, as that module says

        return Handshake(self.local, _LINK, suite, remote_static)

    def send_handshake(self, kind: int, body: bytes) -> None:
        self._outbox += record(kind, body)

    def secure(self, handshake: "Handshake") -> None:
        send, receive = handshake.split()
        self.protection = StreamProtect(send, receive)
        profile = self.local.profile
        self._reader.allow(profile.record_bytes, profile.receive_bytes)
        self._record_bytes = min(handshake.peer_hello.record_bytes, profile.record_bytes)
        self._record_bytes += _LENGTH_FIELD

    def _farewell(self, code: int) -> None:
        if self.protection is None:
            self.send_handshake(REC_REFUSE, bytes((code,)))
            return
        out = bytearray(FAREWELL_BYTES)
        stop = put_code(out, RECORD_HEADER, CLOSE, 0, code)
        self.protection.seal(out, 0, stop)
        self._outbox += bytes(out)
