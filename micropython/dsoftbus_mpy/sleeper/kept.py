"""The bytes in which a sleeper's bus outlives its sleep (docs/sleepers.md).

    "DBS1" | size u16 | sections | check, 8 bytes

A section is `kind u8 | size u16 | body`. Bytes of which one is wrong are nothing at all: the next
start is then one without a sleep before it.
"""

from hashlib import sha256

from dsoftbus.base.codec import Reader, put_u16, put_u32, text
from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import PeerError

MOST = 2048  # of the RTC memory of an ESP32
_MAGIC = b"DBS1"
_CHECK = 8
_HEAD = 6
_KEY = 1
_WAKES = 2
_TICKETS = 3
_ROUTE = 4
_EPOCH = 5
_TOPIC = 6
_MARK = 8
_MARK_OF = b"dsoftbus-sleep-1"


class Kept:
    """`mark` tells which secret it belongs to, `public` is that one's public key. `wakes` counts
    starts, `slept_ms` is how long the sleep before the next one is to be. `tickets` are bytes of
    `Tickets.encode`, `routes` (kind, host, port) by the peer's public key. `topics` are (name,
    event, sequence, value in CBOR), of this `epoch`."""

    def __init__(self):
        self.mark = b""
        self.public = b""
        self.wakes = 0
        self.slept_ms = 0
        self.tickets = b""
        self.routes: dict = {}
        self.epoch = 0
        self.topics: list = []


def mark(secret: bytes) -> bytes:
    """The mark of a node's secret, which says nothing of it."""
    return sha256(_MARK_OF + secret).digest()[:_MARK]


def encode(kept: Kept, most: int = MOST) -> bytes:
    """At most `most` bytes. The rest is left away, topics first and tickets last."""
    parts = [_section(_KEY, kept.mark + kept.public), _section(_WAKES, _wakes(kept))]
    parts.append(_section(_TICKETS, kept.tickets))
    size = _HEAD + _CHECK + sum([len(part) for part in parts])
    for public in kept.routes:
        size = _add(parts, _section(_ROUTE, _route(public, kept.routes[public])), size, most)
    if kept.topics:
        size = _add(parts, _section(_EPOCH, _u32(kept.epoch)), size, most)
    for topic in kept.topics:
        size = _add(parts, _section(_TOPIC, _topic(topic)), size, most)
    head = bytearray(_HEAD)
    head[:4] = _MAGIC
    put_u16(head, 4, size)
    said = bytes(head) + b"".join(parts)
    return said + sha256(said).digest()[:_CHECK]


def decode(data) -> Kept:
    """The content of `data`; nothing where it is None, cut, damaged or of another version."""
    try:
        return _decode(bytes(data or b""))
    except (PeerError, ValueError):
        return Kept()


def _decode(data: bytes) -> Kept:
    size = data[4] << 8 | data[5] if len(data) > _HEAD + _CHECK else 0
    body = data[: size - _CHECK]
    if not size or data[:4] != _MAGIC or len(data) < size:
        return Kept()
    if sha256(body).digest()[:_CHECK] != data[size - _CHECK : size]:
        return Kept()
    kept = Kept()
    reader = Reader(body, _HEAD)
    while reader.left:
        kind, n = reader.u8(), reader.u16()
        _take(kept, kind, Reader(reader.raw(n), 0))
    return kept


def _take(kept: Kept, kind: int, reader: Reader) -> None:
    if kind == _KEY:
        kept.mark, kept.public = reader.raw(_MARK), reader.raw(KEY_BYTES)
    elif kind == _WAKES:
        kept.wakes, kept.slept_ms = reader.u32(), reader.u32()
    elif kind == _TICKETS:
        kept.tickets = reader.raw(reader.left)
    elif kind == _ROUTE:
        public, link, port = reader.raw(KEY_BYTES), reader.u8(), reader.u16()
        kept.routes[public] = (link, text(reader.raw(reader.left)), port)
    elif kind == _EPOCH:
        kept.epoch = reader.u32()
    elif kind == _TOPIC:
        event, sequence = reader.u8() == 1, reader.u32()
        name = text(reader.raw(reader.u8()))
        kept.topics.append((name, event, sequence, reader.raw(reader.left)))


def _add(parts: list, part: bytes, size: int, most: int) -> int:
    if size + len(part) <= most:
        parts.append(part)
        size += len(part)
    return size


def _section(kind: int, body: bytes) -> bytes:
    head = bytearray((kind, 0, 0))
    put_u16(head, 1, len(body))
    return bytes(head) + body


def _wakes(kept: Kept) -> bytes:
    return _u32(kept.wakes & 0x3FFFFFFF) + _u32(min(kept.slept_ms, 0x3FFFFFFF))


def _route(public: bytes, route: tuple) -> bytes:
    head = bytearray((route[0], 0, 0))
    put_u16(head, 1, route[2])
    return public + bytes(head) + route[1].encode()


def _topic(topic: tuple) -> bytes:
    name, event, sequence, value = topic
    raw = name.encode()
    return bytes((event,)) + _u32(sequence) + bytes((len(raw),)) + raw + value


def _u32(value: int) -> bytes:
    out = bytearray(4)
    put_u32(out, 0, value)
    return bytes(out)
