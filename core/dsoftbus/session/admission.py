"""What is checked before a stream exists: its name, its priority, its kind, and the room for it.

`gate(outgoing, name)` is the trust layer's, asked before anything of other streams shows: 0, or
the code of its refusal.
"""

from dsoftbus.codec import is_name, text
from dsoftbus.const import KIND_BYTES, KIND_MESSAGES, PRIORITIES, STREAM_NAME_MAX
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
from dsoftbus.session.states import CLOSED

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


def refusal(streams: dict, parity: int, limit: int, name: str) -> int:
    """Why the side with `parity` may not open one more stream of this name; 0 if it may.

    `streams` are the live ones of both sides by id, of which a side may have `limit`.
    """
    count = 0
    for number in streams:
        if number % 2 == parity:
            count += 1
            stream = streams[number]
            if stream.name == name and stream.state < CLOSED:
                return DUPLICATE_STREAM_NAME
    return STREAM_LIMIT if count >= limit else 0
