"""Values of services beside `cbor2`, at random: both say and read the same, and take the same.

`subset` is a second reading of the subset's rules, by the pseudocode of RFC 8949, appendix C; what
it lets through, `cbor2` reads.
"""

import datetime
import math
from random import Random

import cbor2

from dsoftbus.errors import LocalError, PeerError
from dsoftbus.service.values import BYTES_A_CONTAINER, DEPTH_MAX, decode, encode

LIMITS = (64, 1024, 1 << 20)
BITS = (4, 8, 16, 32, 64)
EDGES = [0, 1, 23, 24, 255, 256, 65535, 65536, 2**30, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1]
FLOATS = [0.0, -0.0, 1.0, 1.5, 0.1, -4.1, 65504.0, 1e5, 1e38, 3.5e38, 1e300, 5e-324, math.inf]
TEXTS = ["", "a", "\0", "led/set", "\u00fc", "\u6c34", "\U00010151", "x" * 24, "\u20ac" * 90]
OUTSIDERS = [math.nan, 1 << 64, -(1 << 64) - 1, {1, 2}, cbor2.undefined, 1j, "\ud800", object()]
OUTSIDERS += [{True: 1}, {None: 1}, {1.5: 1}, {b"a": 1}, datetime.date(1970, 1, 1)]


def same(a, b) -> bool:
    """Equal, and of the same types: True is no 1, and 1.0 neither."""
    return repr(a) == repr(b)


class Outside(Exception):
    """These bytes are no value of the subset."""


class _Walk:
    def __init__(self, raw: bytes, limit: int) -> None:
        self.raw = raw
        self.at = 0
        self.containers = limit // BYTES_A_CONTAINER

    def take(self, count: int) -> bytes:
        if count > len(self.raw) - self.at:
            raise Outside("cut")
        self.at += count
        return self.raw[self.at - count : self.at]

    def item(self, depth: int) -> None:
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if info > 27:
            raise Outside("reserved or indefinite")
        said = self.take(1 << info - 24) if info > 23 else b""
        count = int.from_bytes(said, "big") if info > 23 else info
        if major == 7:
            self.simple(info, said)
        elif major in (2, 3):
            self.text(major, self.take(count))
        elif major > 3:
            self.container(major, count, depth)

    def simple(self, info: int, said: bytes) -> None:
        if info not in (20, 21, 22, 25, 26, 27):
            raise Outside("simple value")
        if info > 24 and math.isnan(cbor2.loads(bytes((0xE0 | info,)) + said)):
            raise Outside("NaN")

    def text(self, major: int, raw: bytes) -> None:
        try:
            if major == 3:
                raw.decode()
        except UnicodeDecodeError:
            raise Outside("no UTF-8") from None

    def container(self, major: int, count: int, depth: int) -> None:
        self.containers -= 1
        if major == 6 or not depth or self.containers < 0 or count > len(self.raw):
            raise Outside("tag, too deep, too many or cut")
        keys = set()
        for _ in range(count):
            start = self.at
            self.item(depth - 1)
            if major == 5:
                if self.raw[start] >> 5 not in (0, 1, 3):
                    raise Outside("key")
                keys.add(cbor2.loads(self.raw[start : self.at]))
                self.item(depth - 1)
        if major == 5 and len(keys) < count:
            raise Outside("key twice")


def subset(raw: bytes, limit: int) -> bool:
    """Returns whether these bytes are one value of the subset, and within the limit."""
    walk = _Walk(raw, limit)
    try:
        walk.item(DEPTH_MAX)
    except Outside:
        return False
    return walk.at == len(raw) <= limit


def judge(raw: bytes, limit: int) -> bool:
    """Reads bytes from anybody; returns whether they were taken, as they have to be."""
    try:
        value = decode(raw, 0, len(raw), limit)
    except PeerError:
        assert not subset(raw, limit), f"refused with limit {limit}: {raw.hex()}"
        return False
    assert subset(raw, limit), f"taken with limit {limit}: {raw.hex()}"
    assert same(cbor2.loads(raw), value), f"{raw.hex()} read as {value!r}"
    return True


def exchange(value, canonical: bool, limit: int = 1 << 20) -> bytes:
    """Says a value and has `cbor2` read it, and the other way; returns what was said here."""
    said = encode(value, limit)
    assert same(cbor2.loads(said), value), f"{value!r} said as {said.hex()}"
    theirs = cbor2.dumps(value, canonical=canonical)
    read = decode(theirs, 0, len(theirs), limit)
    assert read == value, f"{theirs.hex()} read as {read!r}"
    if not canonical and "." not in repr(value) and "inf" not in repr(value):
        assert said == theirs, f"{value!r} said as {said.hex()}"
    return said


def bounded(value, said: bytes, limit: int) -> None:
    """A limit lets out exactly what it lets in."""
    try:
        assert encode(value, limit) == said and subset(said, limit)
    except LocalError:
        assert not subset(said, limit), f"refused with limit {limit}: {value!r}"


# Random values and bytes


def value(random: Random, depth: int = 4):
    kind = random.randrange(10 if depth else 8)
    if kind == 8:
        return [value(random, depth - 1) for _ in range(random.randrange(5))]
    if kind == 9:
        return {key(random): value(random, depth - 1) for _ in range(random.randrange(4))}
    if kind < 3:
        return random.choice((None, True, False)) if kind == 0 else number(random)
    if kind < 5:
        return random.choice(FLOATS) * random.choice((1, -1)) if kind == 3 else random.gauss(0, 99)
    return text(random) if kind < 7 else random.randbytes(random.choice((0, 1, 23, 24, 40, 300)))


def number(random: Random) -> int:
    edge = random.random() < 0.5
    found = random.choice(EDGES) if edge else random.getrandbits(random.choice(BITS))
    return found if random.random() < 0.5 else -1 - found


def text(random: Random) -> str:
    return random.choice(TEXTS) + random.choice(TEXTS)


def key(random: Random) -> "int | str":
    return number(random) if random.random() < 0.5 else text(random)


def wire(random: Random) -> bytes:
    """`cbor2` says a value, with things of its own in some: tags, bignums, other keys, NaN."""
    found = value(random)
    for _ in range(random.randrange(DEPTH_MAX)):
        found = random.choice((lambda v: [v], lambda v: {0: v}, lambda v: [1, v]))(found)
    if random.random() < 0.1:
        found = [found, random.choice((1 << 70, cbor2.undefined, math.nan, {b"k": 1}, {1.5: 2}))]
    return cbor2.dumps(found, canonical=random.random() < 0.5)


def mutated(random: Random, raw: bytes) -> bytes:
    """These bytes with a few faults."""
    out = bytearray(raw)
    for _ in range(random.randrange(4)):
        at = random.randrange(len(out) + 1)
        fault = random.randrange(6)
        if fault == 0:
            del out[at:]
        elif fault == 1:
            out[at:at] = random.randbytes(1)
        elif fault == 2:
            del out[at : at + random.randrange(1, 4)]
        elif fault == 3:
            out[at:at] = out[at : at + random.randrange(1, 9)]
        elif at < len(out):
            out[at] = random.randrange(256) if fault == 4 else out[at] ^ 1 << random.randrange(8)
    return bytes(out)


def step(random: Random) -> "bool | None":
    """One input of any kind; for bytes, whether they were taken."""
    kind = random.randrange(8)
    if kind < 3:
        found = value(random)
        bounded(found, exchange(found, kind == 0), random.choice(LIMITS))
        return None
    if kind == 3:
        refused(random)
        return None
    raw = random.randbytes(random.randrange(1, 24)) if kind == 4 else mutated(random, wire(random))
    return judge(raw, random.choice(LIMITS))


def refused(random: Random) -> None:
    """A value with one in it that is none is never said."""
    bad = [value(random), random.choice(OUTSIDERS)]
    try:
        said = encode(bad if random.random() < 0.5 else {"a": bad}, 1 << 20)
    except LocalError:
        return
    raise AssertionError(f"{bad!r} said as {said.hex()}")


def run(inputs: int, seed: int) -> "dict[bool | None, int]":
    """So many inputs; returns how many were values, and bytes that were taken and refused."""
    random = Random(seed)
    counts: dict[bool | None, int] = {None: 0, True: 0, False: 0}
    for _ in range(inputs):
        counts[step(random)] += 1
    return counts
