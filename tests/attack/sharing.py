"""The words of an attacker on a stream of the share service, all of them at once."""

from __future__ import annotations

import hashlib

from dsoftbus.const import SHARE_STREAM
from dsoftbus.service.values import encode
from dsoftbus.share.messages import HASH_BYTES, LENGTH_BYTES, length_of, put_header

LIMIT = 1024


def get(name: str) -> bytes:
    """Asks for a file."""
    return put_header(["get", name, []])


def put(name: str, content: bytes, replace: bool = False) -> bytes:
    """Stores a file, whatever the answer is."""
    request = encode(["put", name, len(content), replace], LIMIT)
    head = len(request).to_bytes(LENGTH_BYTES, "big") + request
    return head + put_header(0) + content + hashlib.sha256(content).digest()


def fetched(peer, name: str) -> bytes | None:
    """Returns the content of the victim's file; None if it is refused."""
    got = peer.service(SHARE_STREAM, get(name))
    if got is None or len(got) < LENGTH_BYTES:
        return None
    return got[LENGTH_BYTES + length_of(got) : -HASH_BYTES]


def begin_to_fetch(peer, name: str):
    """Returns the stream on which the victim sends the file."""
    stream = peer.open(SHARE_STREAM)
    request = get(name)
    assert stream.send(request) == len(request)
    stream.finish()
    return stream


def store(peer, name: str, content: bytes) -> bool:
    """Stores a file, and then in place of another; returns whether the victim took either."""
    said = [put(name, content, replace) for replace in (False, True)]
    return any(peer.service(SHARE_STREAM, each) is not None for each in said)
