"""Values of services: the part of CBOR (RFC 8949) that docs/services.md names.

A value is None, a bool, an int of CBOR's range, a float but no NaN, bytes, a str, a list, or a
dict whose keys are str and int. Decoding is total: a length is compared with what is there before
anything is made of it.
"""

import struct

from dsoftbus.base.codec import text
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, OVERSIZE, LocalError, PeerError

if False:  # for types
    from dsoftbus.contracts import Any, Data

DEPTH_MAX = 8  # lists and maps within one another
# A list that is empty is one byte on the wire and dozens in memory: so many bytes of the limit
# are asked for each list and map.
BYTES_A_CONTAINER = 16

_INT, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = range(8)  # major types
_SIMPLES = {20: False, 21: True, 22: None}
_HALF, _SINGLE, _DOUBLE = 25, 26, 27
_INT_END = 1 << 64


def encode(value: "Any", limit: int) -> bytes:
    """The shortest encoding of `value`; a map's pairs follow as the dict has them.

    Raises LocalError: OVERSIZE for more than `limit` bytes, or deeper than DEPTH_MAX;
    BAD_ARGUMENT for what is no value.
    """
    said = _scalar(value, limit)
    if said is not None:
        return said
    out = _Encoder(limit)
    out.container(value, DEPTH_MAX)
    return bytes(out.data)


def decode(data: "Data", start: int, end: int, limit: int) -> "Any":
    """The one value in `data[start:end]`.

    Raises PeerError: OVERSIZE where it is longer than `limit` bytes, deeper than DEPTH_MAX, or has
    more lists and maps than these may have; MALFORMED for all else that is no value.
    """
    if end - start > limit:
        raise PeerError(OVERSIZE, "value of %d bytes" % (end - start))
    decoder = _Decoder(data, start, end, limit // BYTES_A_CONTAINER)
    value = decoder.value(DEPTH_MAX)
    if decoder.at != end:
        raise PeerError(MALFORMED, "trailing bytes")
    return value


class _Encoder:
    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self._limit = limit
        self._containers = limit // BYTES_A_CONTAINER

    def _append(self, piece: bytes) -> None:
        self.data += piece
        if len(self.data) > self._limit:
            raise _too_long(self._limit)

    def container(self, value: "Any", depth: int) -> None:
        is_map = isinstance(value, dict)
        if not is_map and not isinstance(value, (list, tuple)):
            raise LocalError(BAD_ARGUMENT, "no value of CBOR: " + type(value).__name__)
        self._containers -= 1
        if depth == 0 or self._containers < 0:
            raise LocalError(OVERSIZE, "value too deep, or of too many lists and maps")
        self._append(_head(_MAP if is_map else _LIST, len(value)))
        for item in value:
            if is_map:
                _check_key(item)
            self._value(item, depth - 1)
            if is_map:
                self._value(value[item], depth - 1)

    def _value(self, value: "Any", depth: int) -> None:
        said = _scalar(value, self._limit)
        if said is None:
            self.container(value, depth)
        else:
            self._append(said)


class _Decoder:
    def __init__(self, data: "Data", at: int, end: int, containers: int) -> None:
        self._data = data
        self.at = at
        self._end = end
        self._containers = containers  # lists and maps that may still come

    def value(self, depth: int) -> "Any":
        at = self.at
        if at >= self._end:
            raise PeerError(MALFORMED, "truncated")
        first = self._data[at]
        self.at = at + 1
        major, info = first >> 5, first & 0x1F
        if major == _SIMPLE:
            return self._simple(info)
        n = info
        if info > 27:
            raise PeerError(MALFORMED, "indefinite or reserved length")
        if info > 23:
            n = self._number(1 << (info - 24))
        if major == _INT:
            return n
        if major == _NEGATIVE:
            return -1 - n
        if major == _BYTES:
            return self._raw(n)
        if major == _TEXT:
            return text(self._raw(n))
        return self._container(major, n, depth)

    def _raw(self, n: int) -> bytes:
        at = self.at
        if n > self._end - at:
            raise PeerError(MALFORMED, "truncated")
        self.at = at + n
        return bytes(self._data[at : at + n])

    def _number(self, size: int) -> int:
        at = self.at
        end = at + size
        if end > self._end:
            raise PeerError(MALFORMED, "truncated")
        self.at = end
        return int.from_bytes(self._data[at:end], "big")

    def _simple(self, info: int) -> "Any":
        if info in _SIMPLES:
            return _SIMPLES[info]
        if info == _HALF:
            found = _half(self._number(2))
        elif info == _SINGLE:
            found = struct.unpack(">f", self._raw(4))[0]
        elif info == _DOUBLE:
            found = struct.unpack(">d", self._raw(8))[0]
        else:
            raise PeerError(MALFORMED, "simple value %d" % info)
        if found != found:
            raise PeerError(MALFORMED, "NaN")
        return found

    def _container(self, major: int, n: int, depth: int) -> "Any":
        if major == _TAG:
            raise PeerError(MALFORMED, "tag")
        if n > (self._end - self.at) >> (major == _MAP):  # each item has a byte, at least
            raise PeerError(MALFORMED, "truncated")
        self._containers -= 1
        if depth == 0 or self._containers < 0:
            raise PeerError(OVERSIZE, "value too deep, or of too many lists and maps")
        if major == _LIST:
            return [self.value(depth - 1) for _ in range(n)]
        return self._map(n, depth - 1)

    def _map(self, n: int, depth: int) -> "dict[int | str, Any]":
        found: dict[int | str, Any] = {}
        for _ in range(n):
            key = self.value(depth)
            if type(key) is not str and type(key) is not int:
                raise PeerError(MALFORMED, "key that is neither text nor int")
            if key in found:
                raise PeerError(MALFORMED, "key twice")
            found[key] = self.value(depth)
        return found


def _scalar(value: "Any", limit: int) -> bytes | None:
    """All that is no list and no map, or None."""
    if value is None or value is True or value is False:
        said = b"\xf6" if value is None else b"\xf5" if value else b"\xf4"
    elif isinstance(value, int):
        said = _int(value)
    elif isinstance(value, float):
        said = _float(value)
    elif isinstance(value, str):
        said = _string(_TEXT, _utf8(value), limit)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        said = _string(_BYTES, bytes(value), limit)
    else:
        return None
    if len(said) > limit:
        raise _too_long(limit)
    return said


def _int(value: int) -> bytes:
    if not -_INT_END <= value < _INT_END:
        raise LocalError(BAD_ARGUMENT, "int of more than 64 bits")
    return _head(_NEGATIVE, -1 - value) if value < 0 else _head(_INT, value)


def _string(major: int, raw: "Data", limit: int) -> bytes:
    if len(raw) > limit:  # before a copy is made
        raise _too_long(limit)
    return _head(major, len(raw)) + raw


def _too_long(limit: int) -> LocalError:
    return LocalError(OVERSIZE, "value of more than %d bytes" % limit)


def _head(major: int, n: int) -> bytes:
    """The first bytes of an item: its major type, and `n` in as few bytes as it fits."""
    if n < 24:
        return bytes((major << 5 | n,))
    size = 0  # the power of two
    while n >> (8 << size):
        size += 1
    return bytes((major << 5 | 24 + size,)) + n.to_bytes(1 << size, "big")


def _utf8(value: str) -> bytes:
    """UTF-8 that every peer takes: MicroPython's strings may hold other bytes."""
    try:
        raw = value.encode()
        if len(raw) != len(value):
            text(raw)
    except (UnicodeError, PeerError):
        raise LocalError(BAD_ARGUMENT, "text that has no UTF-8") from None
    return raw


def _float(value: float) -> bytes:
    """Four bytes where they give the same value back, else eight."""
    if value != value:
        raise LocalError(BAD_ARGUMENT, "NaN")
    try:
        single = struct.pack(">f", value)
    except OverflowError:  # of CPython; MicroPython makes it infinite
        single = _INFINITE
    if struct.unpack(">f", single)[0] == value:
        return b"\xfa" + single
    return b"\xfb" + struct.pack(">d", value)


_INFINITE = b"\x7f\x80\0\0"


def _half(bits: int) -> float:
    """The float of IEEE 754's 16 bits, which `struct` of MicroPython lacks."""
    exponent, fraction = bits >> 10 & 0x1F, bits & 0x3FF
    if exponent == 0x1F:
        found = float("nan") if fraction else float("inf")
    elif exponent:
        found = (fraction + 0x400) * 2.0 ** (exponent - 25)
    else:
        found = fraction * 2.0**-24
    return -found if bits >> 15 else found


def _check_key(key: "Any") -> None:
    if key is True or key is False or not isinstance(key, (str, int)):
        raise LocalError(BAD_ARGUMENT, "a key is a str or an int")
