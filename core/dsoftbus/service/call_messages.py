"""Caller and callee share these: kinds of messages, the head of a CALL, and its limits."""

from dsoftbus.base.codec import is_name, put_u32
from dsoftbus.base.codec import text as utf8
from dsoftbus.const import STREAM_NAME_MAX, U30_MAX
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, OVERSIZE, BusError, LocalError, PeerError
from dsoftbus.service import status

if False:  # for types
    from dsoftbus.contracts import Data

CALL = 1
CANCEL = 2
GRANT = 3
PART = 4
REPLY = 5

PREFIX = "call/"  # of the name that access rules see
OWN = "dsoftbus/"  # begins the names of the bus's own calls
OFFERS = "dsoftbus/offers"  # whoever may begin a session may make it
TIME = "dsoftbus/time"
NAME_MAX = STREAM_NAME_MAX - len(PREFIX)
STATUS_BYTES = 1
PARTS = 4  # on the way, and not taken by the caller's program
_NAME_AT = 5  # behind timeout and length
HEAD_MAX = _NAME_AT + NAME_MAX


def put_call(name: str, timeout_ms: int, value: bytes) -> bytes:
    """The body of a CALL. Raises LocalError(BAD_ARGUMENT)."""
    raw = name.encode() if is_name(name) else b""
    if not 1 <= len(raw) <= NAME_MAX:
        raise LocalError(BAD_ARGUMENT, "name of 1..%d bytes, all of which show" % NAME_MAX)
    if not 0 <= timeout_ms <= U30_MAX:
        raise LocalError(BAD_ARGUMENT, "timeout of 0..2**30 - 1 ms")
    head = bytearray(_NAME_AT)
    put_u32(head, 0, timeout_ms)
    head[4] = len(raw)
    return bytes(head) + raw + value


def value_at(body: "Data") -> int:
    """Returns where the value of a CALL begins."""
    return _NAME_AT + body[4]


def name_of(data: "Data", at: int) -> str:
    """The name in the body of a CALL that begins at `data[at]`: its first piece has it wholly.
    Raises PeerError(MALFORMED)."""
    start = at + _NAME_AT
    size = data[start - 1] if len(data) >= start else 0
    if not 1 <= size <= NAME_MAX or start + size > len(data):
        raise PeerError(MALFORMED, "name of a call")
    name = utf8(data[start : start + size])
    if not is_name(name):
        raise PeerError(MALFORMED, "name of a call")
    return name


def why_not(error: BusError) -> int:
    """The status for a value that could not be read."""
    if isinstance(error, status.CallError):
        return error.code
    return status.TOO_LARGE if error.code == OVERSIZE else status.BAD_VALUE
