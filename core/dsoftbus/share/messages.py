"""Headers of the share service: what both sides say beside a file's bytes (docs/share.md).

A header is `length u16 | value`, in CBOR, and its length is judged before anything is kept. The
functions that read raise PeerError(MALFORMED) for what is no such header, and OVERSIZE.
"""

from dsoftbus.base.codec import put_u16
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, OVERSIZE, LocalError, PeerError
from dsoftbus.service.values import decode, encode

if False:  # for types
    from dsoftbus.contracts import Any, Data

PREFIX = "share/"  # of the name that access rules see
REPLACE_PREFIX = "replace/"  # asked, too, where a file is put in place of another
LENGTH_BYTES = 2
HEADER_MAX = 1024  # bytes of its value
HASH_BYTES = 32  # SHA-256
NAME_MAX = 255  # bytes, folders included
SIZE_MAX = 1 << 53  # of a file: what every implementation of numbers holds exactly
MARKS_MAX = 4

PUT = "put"
GET = "get"
LIST = "list"

DONE = 0  # the receiver's last header: the file is stored for good


class Request:
    """The first header of a stream: `kind`, and `name` (of LIST a pattern, which may be "").

    A PUT has `size` and `replace`, a GET `marks`, a LIST `after`: names up to it are not wanted.
    """

    size = 0
    replace = False
    after = ""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.marks: list[list[Any]] = []

    def header(self) -> bytes:
        """Returns it as it is sent. Raises LocalError(BAD_ARGUMENT) where it cannot be said."""
        if len(self.name.encode()) > NAME_MAX or not 0 <= self.size <= SIZE_MAX:
            raise LocalError(BAD_ARGUMENT, "name of 255 bytes, file of 2**53 bytes at most")
        if self.kind == PUT:
            return put_header([PUT, self.name, self.size, self.replace])
        return put_header([self.kind, self.name, self.marks if self.kind == GET else self.after])


def put_header(value: "Any") -> bytes:
    """`value` as a header. Raises LocalError(OVERSIZE)."""
    said = encode(value, HEADER_MAX)
    head = bytearray(LENGTH_BYTES)
    put_u16(head, 0, len(said))
    return bytes(head) + said


def length_of(head: "Data") -> int:
    """Returns how many bytes follow the first LENGTH_BYTES of a header: 1..HEADER_MAX."""
    length = head[0] << 8 | head[1]
    if not length:
        raise PeerError(MALFORMED, "empty header")
    if length > HEADER_MAX:
        raise PeerError(OVERSIZE, "header of %d bytes" % length)
    return length


def get_header(body: "Data") -> "Any":
    """The value of a header, whose length is taken off."""
    return decode(body, 0, len(body), HEADER_MAX)


def get_request(value: "Any") -> Request:
    """The request that a stream begins with. Its name is judged by who asks the rules."""
    if not isinstance(value, list) or len(value) < 3 or not is_text(value[1]):
        raise PeerError(MALFORMED, "request")
    kind = value[0]
    request = Request(kind, value[1])
    if kind == PUT and len(value) == 4 and is_size(value[2]) and isinstance(value[3], bool):
        request.size = value[2]
        request.replace = value[3]
    elif kind == GET and len(value) == 3:
        request.marks = get_marks(value[2])
    elif kind == LIST and len(value) == 3 and is_text(value[2]):
        request.after = value[2]
    else:
        raise PeerError(MALFORMED, "request")
    return request


def get_marks(value: "Any") -> "list[list[Any]]":
    """Marks of a receiver: `[offset, SHA-256]`, the largest offset first; [] for none."""
    if not isinstance(value, list) or len(value) > MARKS_MAX:
        raise PeerError(MALFORMED, "marks")
    last = SIZE_MAX + 1
    for mark in value:
        if not isinstance(mark, list) or len(mark) != 2 or not is_size(mark[0]):
            raise PeerError(MALFORMED, "mark")
        if not 0 < mark[0] < last or not isinstance(mark[1], bytes) or len(mark[1]) != HASH_BYTES:
            raise PeerError(MALFORMED, "mark")
        last = mark[0]
    return value


def get_offset(value: "Any", marks: "list[list[Any]]", size: int) -> int:
    """The offset from which a file of `size` bytes comes: 0, or that of one of the own `marks`."""
    if is_size(value) and value <= size:
        for mark in marks:
            if mark[0] == value:
                offset: int = value
                return offset
        if value == 0:
            return 0
    raise PeerError(MALFORMED, "offset")


def get_answer(value: "Any", marks: "list[list[Any]]") -> tuple[int, int]:
    """The answer to a GET with these marks: size of the file, and where its bytes begin."""
    if not isinstance(value, list) or len(value) != 2 or not is_size(value[0]):
        raise PeerError(MALFORMED, "answer to get")
    return value[0], get_offset(value[1], marks, value[0])


def get_done(value: "Any") -> None:
    """The receiver's last word."""
    if not is_size(value) or value != DONE:
        raise PeerError(MALFORMED, "last word")


def is_text(value: "Any") -> bool:
    """Returns whether a peer's value is as long as a name may be; nothing is said of what is in
    it."""
    return isinstance(value, str) and len(value.encode()) <= NAME_MAX


def is_size(value: "Any") -> bool:
    """Returns whether a peer's value is a size of a file."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= SIZE_MAX
