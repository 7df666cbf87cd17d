"""A stream begins: the checks of its name, its priority, its kind and the room for it; its class.

`gate(outgoing, name)` is the trust layer's, asked before anything of other streams shows: 0, or
the code of its refusal.
"""

from dsoftbus.base.codec import is_name, text
from dsoftbus.const import (
    KIND_BYTES,
    KIND_MESSAGES,
    PRIORITIES,
    RESERVED_PREFIX,
    STREAM_NAME_MAX,
)
from dsoftbus.errors import (
    BAD_ARGUMENT,
    DUPLICATE_STREAM_NAME,
    INVALID_STREAM_NAME,
    MALFORMED,
    STREAM_KIND_MISMATCH,
    STREAM_LIMIT,
    LocalError,
    PeerError,
)
from dsoftbus.mux.stream import Stream
from dsoftbus.mux.stream_states import CLOSED

if False:  # for types
    from dsoftbus.mux.mux import Mux


_KINDS = (KIND_BYTES, KIND_MESSAGES)


def check_own(name: str, priority: int, kind: int) -> None:
    """A stream that this side wants to open, or LocalError."""
    if not is_name(name) or not 1 <= len(name.encode()) <= STREAM_NAME_MAX:
        raise LocalError(INVALID_STREAM_NAME, name)
    if not 0 <= priority < PRIORITIES or kind not in _KINDS:
        raise LocalError(BAD_ARGUMENT, "priority 0..7, kind 0 or 1")


def check_peers(raw: bytes, priority: int, kind: int) -> str:
    """The name of a stream that the peer wants to open, or PeerError."""
    if priority >= PRIORITIES:
        raise PeerError(MALFORMED, "priority")
    if kind not in _KINDS:
        raise PeerError(STREAM_KIND_MISMATCH)
    if not 1 <= len(raw) <= STREAM_NAME_MAX:
        raise PeerError(INVALID_STREAM_NAME)
    try:
        name = text(raw)
    except PeerError:
        name = ""
    if not name or not is_name(name):
        raise PeerError(INVALID_STREAM_NAME)
    return name


def refusal(streams: dict[int, Stream], parity: int, limit: int, name: str) -> int:
    """Returns why the side with `parity` may not open one more stream of this name; 0 if it may.

    `streams` are the live ones of both sides by id, of which a side may have `limit`. Any number
    of them may ask for one service; the bus's own (pairing, keys) serve one at a time.
    """
    exclusive = name.startswith(RESERVED_PREFIX)
    count = 0
    for number in streams:
        if number % 2 == parity:
            count += 1
            stream = streams[number]
            if exclusive and stream.name == name and stream.state < CLOSED:
                return DUPLICATE_STREAM_NAME
    return STREAM_LIMIT if count >= limit else 0


def new_stream(mux: "Mux", number: int, name: str, priority: int, kind: int) -> Stream:
    """A stream of `mux`, of this kind."""
    if kind == KIND_BYTES:
        return Stream(mux, number, name, priority, kind)
    from dsoftbus.mux.message_stream import MessageStream  # only who has such pays for it

    return MessageStream(mux, number, name, priority)
