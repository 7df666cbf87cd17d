"""Values of services beside `cbor2`: each reads what the other says, and both agree on it."""

import math
import struct

from hypothesis import example, given
from hypothesis import strategies as st

from dsoftbus.errors import PeerError
from dsoftbus.service.values import DEPTH_MAX, decode
from values_fuzz import exchange, judge, run, same

LIMIT = 1 << 20
numbers = st.integers(-(1 << 64), (1 << 64) - 1) | st.floats(allow_nan=False)
plain = st.none() | st.booleans() | numbers | st.binary(max_size=40) | st.text(max_size=20)
keys = st.text(max_size=5) | st.integers(-(1 << 64), (1 << 64) - 1)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=4)
)


def ours(raw: bytes):
    return decode(raw, 0, len(raw), LIMIT)


def depth(value) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(values.filter(lambda value: depth(value) <= DEPTH_MAX), st.booleans())
def test_each_reads_what_the_other_says(value, canonical):
    exchange(value, canonical, LIMIT)


@given(st.binary(min_size=1, max_size=40))
@example(bytes.fromhex("f97c01"))
@example(bytes.fromhex("a201020103"))
@example(bytes.fromhex("9fff"))
@example(bytes.fromhex("c10a"))
def test_bytes_are_taken_where_they_are_of_the_subset_and_read_alike(raw):
    judge(raw, LIMIT)


def test_values_wires_and_faults_at_random():
    counts = run(3000, 8949)
    assert min(counts.values()) > 100, counts


@given(st.integers(0, 0xFFFF))
def test_floats_of_16_bits(bits):
    raw = struct.pack(">BH", 0xF9, bits)
    expected = struct.unpack(">e", raw[1:])[0]
    try:
        assert same(ours(raw), expected)
    except PeerError:
        assert math.isnan(expected)
