"""Bounded reading and writing of wire fields, and the portable copy of bytes."""

from struct import pack_into

from dsoftbus.errors import MALFORMED, PeerError

if False:  # for types
    from dsoftbus.contracts import Buffer, Data


SLICE_MAX = 512  # bytes; about where two views on CPython cost less than a slice


class Reader:
    """Reads big-endian fields from `data[start:end]`; never past `end`.

    Raises PeerError(MALFORMED) for anything that does not fit.
    """

    def __init__(self, data: "Data", start: int = 0, end: int = -1) -> None:
        self.over(data, start, len(data) if end < 0 else end)

    def over(self, data: "Data", start: int, end: int) -> None:
        """Begins anew, with `data[start:end]`."""
        self._data = data
        self.at = start
        self._end = end

    def _take(self, n: int) -> int:
        at = self.at
        if n < 0 or at + n > self._end:
            raise PeerError(MALFORMED, "truncated")
        self.at = at + n
        return at

    @property
    def left(self) -> int:
        return self._end - self.at

    def u8(self) -> int:
        return self._data[self._take(1)]

    def u16(self) -> int:
        at = self._take(2)
        return self._data[at] << 8 | self._data[at + 1]

    def u32(self) -> int:
        """A u32 that stays below 2**30, as all of the protocol's do."""
        at = self._take(4)
        value = get_u32(self._data, at)
        if value < 0:
            raise PeerError(MALFORMED, "number out of range")
        return value

    def raw(self, n: int) -> bytes:
        at = self._take(n)
        return bytes(self._data[at : at + n])

    def text(self, n: int) -> str:
        return text(self.raw(n))

    def finish(self) -> None:
        if self.at != self._end:
            raise PeerError(MALFORMED, "trailing bytes")


def text(raw: "Data") -> str:
    """UTF-8 to str, or PeerError(MALFORMED)."""
    raw = bytes(raw)
    try:
        found = str(raw, "utf-8")
    except UnicodeError:
        raise PeerError(MALFORMED, "bad UTF-8") from None
    if len(found) != len(raw) and _utf8_bytes(found) != len(raw):
        raise PeerError(MALFORMED, "bad UTF-8")
    return found


def is_name(found: str) -> bool:
    """Returns whether `found` keeps the rule for names (`names`); an empty one does. ASCII is
    judged here; the table for the rest is loaded when it is needed."""
    # Each character of a str is looked for among all that MicroPython has interned.
    raw = found.encode("utf-8", "surrogatepass")
    if raw and not 0x20 <= min(raw) <= max(raw) < 0x7F:
        from dsoftbus.base.names import allowed

        return allowed(found)
    return found == found.strip()


def _utf8_bytes(found: str) -> int:
    """Returns the length of the one right encoding of `found`, or -1 when it has none (RFC 3629).

    MicroPython decodes overlong forms, surrogates and what lies beyond Unicode; a name that one
    node takes and another refuses, or that has two spellings, would be a way to deceive.
    """
    size = 0
    for char in found:
        point = ord(char)
        if 0xD800 <= point < 0xE000 or point > 0x10FFFF:
            return -1
        size += 1 + (point > 0x7F) + (point > 0x7FF) + (point > 0xFFFF)
    return size


def get_u32(data: "Data", at: int) -> int:
    """The big-endian u32 at `at`, or -1 when it is 2**30 or more; makes no big int."""
    if data[at] > 0x3F:
        return -1
    return data[at] << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]


def put_u32(data: "Buffer", at: int, value: int) -> int:
    """Writes `value` (0..U30_MAX) at `at`, returns the index past it."""
    pack_into(">I", data, at, value)
    return at + 4


def put_u16(data: "Buffer", at: int, value: int) -> int:
    data[at] = value >> 8
    data[at + 1] = value & 0xFF
    return at + 2


def copy(dst: "Buffer", at: int, src: "Data", start: int, n: int) -> None:
    """`dst[at:at + n] = src[start:start + n]`; the portable twin of the kernels' copy.

    Little is moved fastest by a slice. Much goes between two views: that is one move, where an
    assignment to a bytearray would first make a copy of its source.
    """
    if n <= SLICE_MAX:
        dst[at : at + n] = src[start : start + n]
    else:
        memoryview(dst)[at : at + n] = memoryview(src)[start : start + n]
