"""The packets that a client sends, after the OASIS Standard "MQTT Version 3.1.1"."""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


from dsoftbus.errors import BAD_ARGUMENT, LocalError

if False:  # for types
    from collections.abc import Sequence

    from dsoftbus.contracts import Buffer, Data


CONNECT = const(1)
CONNACK = const(2)
PUBLISH = const(3)
SUBSCRIBE = const(8)
SUBACK = const(9)
UNSUBSCRIBE = const(10)
UNSUBACK = const(11)
PINGREQ = const(12)
PINGRESP = const(13)
DISCONNECT = const(14)
RETAIN = const(1)  # a flag of PUBLISH
LENGTH_BYTES = const(4)  # the longest remaining length
_CLEAN = const(2)
_WILL = const(4)
_WILL_RETAIN = const(0x20)
_PASSWORD = const(0x40)
_USER = const(0x80)
_FIELD_MAX = const(0xFFFF)
_MUST = const(2)  # the flags of SUBSCRIBE and UNSUBSCRIBE, which nobody may change
_HEAD = b"\0\4MQTT\4"  # the protocol's name and level


class Will:
    """The message of a broker that loses the client. `topic` and `payload` are bytes."""

    def __init__(self, topic: bytes, payload: bytes, retain: bool = False) -> None:
        self.topic = topic
        self.payload = payload
        self.retain = retain


def connect(
    client: bytes, keepalive_s: int, user: bytes, password: bytes, will: "Will | None"
) -> bytes:
    """CONNECT, with a clean session; an empty `user` or `password` is left out."""
    flags = _CLEAN
    body = _field(client)
    if will is not None:
        flags |= _WILL | (_WILL_RETAIN if will.retain else 0)
        body += _field(will.topic) + _field(will.payload)
    if user:
        flags |= _USER
        body += _field(user)
        if password:  # which has no place without a user's name
            flags |= _PASSWORD
            body += _field(password)
    head = _HEAD + bytes((flags, keepalive_s >> 8, keepalive_s & 0xFF))
    return _packet(CONNECT, 0, head + body)


def subscribe(number: int, filters: "Sequence[bytes]") -> bytes:
    """SUBSCRIBE to these filters at QoS 0."""
    body = b"".join([_field(each) + b"\0" for each in filters])
    return _packet(SUBSCRIBE, _MUST, bytes((number >> 8, number & 0xFF)) + body)


def unsubscribe(number: int, filters: "Sequence[bytes]") -> bytes:
    """UNSUBSCRIBE from these filters."""
    body = b"".join([_field(each) for each in filters])
    return _packet(UNSUBSCRIBE, _MUST, bytes((number >> 8, number & 0xFF)) + body)


def empty(kind: int) -> bytes:
    """A packet that has nothing but its kind: PINGREQ, DISCONNECT."""
    return bytes((kind << 4, 0))


def publish_bytes(topic: bytes, size: int) -> int:
    """Returns how long a PUBLISH with a payload of `size` bytes is."""
    left = 2 + len(topic) + size
    return 1 + _length_bytes(left) + left


def put_publish(
    out: "Buffer", at: int, topic: bytes, payload: "Data", size: int, retain: bool
) -> int:
    """Writes PUBLISH with `payload[:size]` to `out` at `at`; returns its end. `out` has room."""
    left = 2 + len(topic) + size
    out[at] = PUBLISH << 4 | (RETAIN if retain else 0)
    at = _put_length(out, at + 1, left)
    out[at] = len(topic) >> 8
    out[at + 1] = len(topic) & 0xFF
    at += 2
    out[at : at + len(topic)] = topic
    at += len(topic)
    out[at : at + size] = memoryview(payload)[:size]
    return at + size


def _packet(kind: int, flags: int, body: bytes) -> bytes:
    head = bytearray(1 + _length_bytes(len(body)))
    head[0] = kind << 4 | flags
    _put_length(head, 1, len(body))
    return bytes(head) + body


def _length_bytes(left: int) -> int:
    n = 1
    while left > 0x7F:
        left >>= 7
        n += 1
    return n


def _put_length(out: "Buffer", at: int, left: int) -> int:
    while left > 0x7F:
        out[at] = left & 0x7F | 0x80
        left >>= 7
        at += 1
    out[at] = left
    return at + 1


def _field(data: bytes) -> bytes:
    if len(data) > _FIELD_MAX:
        raise LocalError(BAD_ARGUMENT, "a field of MQTT has at most 65535 bytes")
    return bytes((len(data) >> 8, len(data) & 0xFF)) + data
