"""Records of stream links: `u16 length | u8 type | body` (docs/wire-format.md).

`RecordReader` reassembles them in one buffer that it owns; nothing is allocated by a length that
came over the wire.
"""

from dsoftbus.const import HANDSHAKE_RECORD_MAX, RECORD_HEADER
from dsoftbus.errors import MALFORMED, OVERSIZE, PeerError

if False:  # for types
    from dsoftbus.contracts import Buffer, Copy, Data


_LENGTH_FIELD = 2
_SMALL_CAPACITY = 2048
SMALL_BUFFER = _LENGTH_FIELD + HANDSHAKE_RECORD_MAX


class RecordReader:
    """Feed it through `space()` and `end`; take records with `next()`."""

    def __init__(self, copy: "Copy") -> None:
        self._copy = copy
        self._start = 0
        self.end = 0  # of what is held; who has filled `n` bytes of `space()` moves it on by `n`
        self._use(SMALL_BUFFER)
        self._limit = HANDSHAKE_RECORD_MAX
        self._capacity = SMALL_BUFFER
        self.at = 0  # the body of the record that next() found is buffer[at:stop]
        self.stop = 0
        self.empty = True  # nothing is held after that record

    def _use(self, capacity: int) -> None:
        self.buffer = bytearray(capacity)
        self._view = memoryview(self.buffer)

    def allow(self, limit: int, capacity: int) -> None:
        """Takes records of up to `limit` bytes from now on.

        The buffer becomes `capacity` bytes long with the first record that needs it: a session
        that only ever says little costs little. A board's is, at once: what is promised must not
        depend on what is free later.
        """
        self._limit = limit
        self._capacity = capacity
        if capacity <= _SMALL_CAPACITY:
            self._enlarge()

    def _enlarge(self) -> None:
        old = self.buffer
        kept = self.end - self._start
        self._use(self._capacity)
        self._copy(self._view, 0, old, self._start, kept)
        self._start = 0
        self.end = kept

    def space(self) -> memoryview:
        """A view of the free room, never empty once next() has returned 0."""
        if self._start:
            self._compact()
        return self._view[self.end :] if self.end else self._view

    def forget(self) -> memoryview:
        """Drops what is held; a view of all the room."""
        self._start = self.end = 0
        return self._view

    def push(self, data: "Data", start: int, n: int) -> int:
        """Copies in what fits of `data[start:start + n]`; returns how much."""
        if self._start:
            self._compact()
        room = len(self.buffer) - self.end
        if n > room:
            n = room
        self._copy(self._view, self.end, data, start, n)
        self.end += n
        return n

    def next(self) -> int:
        """The type of the next whole record, or 0 when more bytes are needed.

        Raises PeerError(OVERSIZE) as soon as the length field says so.
        """
        at = self._start
        held = self.end - at
        if held < _LENGTH_FIELD:
            return 0
        buffer = self.buffer
        length = buffer[at] << 8 | buffer[at + 1]
        if length > self._limit:
            raise PeerError(OVERSIZE, str(length))
        if length == 0:
            raise PeerError(MALFORMED, "empty record")
        if held < _LENGTH_FIELD + length:
            if _LENGTH_FIELD + length > len(buffer):
                self._enlarge()
            return 0
        self.at = at + RECORD_HEADER
        self.stop = self._start = stop = at + _LENGTH_FIELD + length
        self.empty = stop == self.end
        if self.empty:
            # The record stays where it is until more is read.
            self._start = self.end = 0
        return buffer[at + _LENGTH_FIELD] or self._untyped()

    def _untyped(self) -> int:
        raise PeerError(MALFORMED, "record type 0")

    def _compact(self) -> None:
        """Moves an incomplete record to the front, once there is anything to gain."""
        kept = self.end - self._start
        if kept:
            self._copy(self._view, 0, self._view, self._start, kept)
        self._start = 0
        self.end = kept


def put_header(out: "Buffer", at: int, kind: int, body: int) -> int:
    """Writes the header of a record whose body has `body` bytes; returns the index past it."""
    body += 1
    out[at] = body >> 8
    out[at + 1] = body & 0xFF
    out[at + 2] = kind
    return at + RECORD_HEADER


def record(kind: int, body: bytes) -> bytes:
    """A whole record, for the few small ones of the handshake."""
    head = bytearray(RECORD_HEADER)
    put_header(head, 0, kind, len(body))
    return bytes(head) + body
