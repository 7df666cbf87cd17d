"""Writing of frames: `type u8 | flags u8 | length u16 | stream u32 | body`.

docs/wire-format.md has the body of each type.
"""

from struct import pack_into

from dsoftbus.base.codec import put_u32
from dsoftbus.const import FRAME_HEADER, OPEN

if False:  # for types
    from dsoftbus.contracts import Buffer
    from dsoftbus.mux.stream import Stream


HEADER = ">BBHI"
NUMBER_FRAME = FRAME_HEADER + 4
CODE_FRAME = FRAME_HEADER + 1
OPEN_BODY = 6  # priority, kind, max_message; the name follows


def put_header(out: "Buffer", at: int, kind: int, flags: int, length: int, stream: int) -> int:
    """Writes a frame's header at `at`; returns the index of its body."""
    pack_into(HEADER, out, at, kind, flags, length, stream)
    return at + FRAME_HEADER


def put_number(out: "Buffer", at: int, kind: int, stream: int, value: int) -> int:
    """A frame whose body is one u32: OPEN_ACK, WINDOW_UPDATE, PING, PONG."""
    return put_u32(out, put_header(out, at, kind, 0, 4, stream), value)


def put_code(out: "Buffer", at: int, kind: int, stream: int, code: int) -> int:
    """A frame whose body is one code: RST, CLOSE."""
    at = put_header(out, at, kind, 0, 1, stream)
    out[at] = code
    return at + 1


def put_open(out: "Buffer", at: int, stream: "Stream", max_message: int) -> int:
    """The OPEN of `stream`; `max_message` is what this side takes."""
    name = stream.name.encode()
    at = put_header(out, at, OPEN, 0, OPEN_BODY + len(name), stream.id)
    out[at] = stream.priority
    out[at + 1] = stream.kind
    at = put_u32(out, at + 2, max_message)
    out[at : at + len(name)] = name
    return at + len(name)
