"""Publisher and subscriber share these: kinds of messages, and the head of an item."""

from dsoftbus.base.codec import get_u32, put_u32, text
from dsoftbus.errors import MALFORMED, PeerError
from dsoftbus.service.filters import NAME_MAX

if False:  # for types
    from dsoftbus.contracts import Data

SUBSCRIBE = 1
UNSUBSCRIBE = 2
GRANT = 3
TAKEN = 4
UPDATE = 5
CLOSED = 6

EVENT = 1  # the flag of an item
CREDIT = 8  # updates on the way, and not taken by the subscriber's program
SEQUENCE_AT = 1
_NAME_AT = 6  # behind flags, sequence and length
_SIZE_BYTES = 4
ITEM_MAX = _NAME_AT + NAME_MAX + _SIZE_BYTES  # before its value


def item_head(flags: int, name: bytes) -> bytes:
    """An item of this topic, without sequence, size and value."""
    return bytes((flags, 0, 0, 0, 0, len(name))) + name + bytes(_SIZE_BYTES)


def put_item(head: bytes, sequence: int, value: bytes) -> bytearray:
    """One publication, as it stands in an UPDATE."""
    out = bytearray(head)
    put_u32(out, SEQUENCE_AT, sequence)
    put_u32(out, len(head) - _SIZE_BYTES, len(value))
    out += value
    return out


def item_bounds(body: "Data", at: int) -> tuple[int, int]:
    """Returns where the value of the item at `at` begins and ends. Raises PeerError(MALFORMED) for
    an item that is cut."""
    end = len(body)
    start = at + _NAME_AT
    if start <= end:
        start += body[start - 1] + _SIZE_BYTES
    size = get_u32(body, start - _SIZE_BYTES) if start <= end else -1
    if size < 0 or start + size > end:
        raise PeerError(MALFORMED, "item of an update")
    return start, start + size


def name_of(body: "Data", at: int) -> str:
    """The name in the item at `at`, which is there wholly. Raises PeerError(MALFORMED)."""
    start = at + _NAME_AT
    return text(body[start : start + body[start - 1]])


def put_number(value: int) -> bytes:
    """The body of a TAKEN."""
    out = bytearray(4)
    put_u32(out, 0, value)
    return bytes(out)
