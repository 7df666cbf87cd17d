"""Values of services: what is said, what is refused, and what each costs before it is refused."""

from binascii import unhexlify

from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, OVERSIZE, PeerError
from dsoftbus.service.values import BYTES_A_CONTAINER, DEPTH_MAX, decode, encode
from support import Random, raises

LIMIT = 1024


def words(text: str) -> list:
    return text.split()


# RFC 8949 appendix A: its examples within the subset whose encoding is the shortest one here.
BOTH_WAYS = [
    ("00", 0),
    ("01", 1),
    ("0a", 10),
    ("17", 23),
    ("1818", 24),
    ("1819", 25),
    ("1864", 100),
    ("1903e8", 1000),
    ("1a000f4240", 1000000),
    ("1b000000e8d4a51000", 1000000000000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("3bffffffffffffffff", -18446744073709551616),
    ("20", -1),
    ("29", -10),
    ("3863", -100),
    ("3903e7", -1000),
    ("fa47c35000", 100000.0),
    ("fa7f7fffff", 3.4028234663852886e38),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("40", b""),
    ("4401020304", b"\1\2\3\4"),
    ("60", ""),
    ("6161", "a"),
    ("6449455446", "IETF"),
    ("62225c", '"\\'),
    ("62c3bc", "\u00fc"),
    ("63e6b0b4", "\u6c34"),
    ("64f0908591", "\U00010151"),
    ("80", []),
    ("83010203", [1, 2, 3]),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    (
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        list(range(1, 26)),
    ),
    ("a0", {}),
    ("a201020304", {1: 2, 3: 4}),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("826161a161626163", ["a", {"b": "c"}]),
    (
        "a56161614161626142616361436164614461656145",
        {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"},
    ),
]
# Those that are taken, and said in another length here: floats of 16 bits.
ONE_WAY = [
    ("f90000", 0.0),
    ("f98000", -0.0),
    ("f93c00", 1.0),
    ("f93e00", 1.5),
    ("f97bff", 65504.0),
    ("f90001", 5.960464477539063e-8),
    ("f90400", 0.00006103515625),
    ("f9c400", -4.0),
    ("f97c00", float("inf")),
    ("f9fc00", -float("inf")),
    ("fa7f800000", float("inf")),
    ("faff800000", -float("inf")),
    ("fb7ff0000000000000", float("inf")),
    ("fbfff0000000000000", -float("inf")),
]
# Doubles, which a port with floats of 32 bits reads as the nearest that it has.
DOUBLES = [
    ("fb3ff199999999999a", 1.1),
    ("fbc010666666666666", -4.1),
    ("fb7e37e43c8800759c", 1.0e300),
]
# Those outside the subset: NaN, undefined and other simple values, tags, indefinite lengths.
REFUSED = words(
    """
    f97e00 fa7fc00000 fb7ff8000000000000 f7 f0 f818 f8ff
    c249010000000000000000 c349010000000000000000 c11a514b67b0 c1fb41d452d9e8200000
    c074323031332d30332d32315432303a30343a30305a d74401020304 d818456449455446
    d82076687474703a2f2f7777772e6578616d706c652e636f6d
    5f42010243030405ff 7f657374726561646d696e67ff 9fff 9f018202039f0405ffff 9f01820203820405ff
    83018202039f0405ff 83019f0203ff820405
    9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff
    bf61610161629f0203ffff 826161bf61626163ff bf6346756ef563416d7421ff
    """
)
# No CBOR at all, or against the rules for text and maps.
MALFORMED_ONES = words(
    "1c 1d 1e 1f 3c 5d 7e 9c bd dc fc fd fe ff "  # reserved lengths; a break by itself
    "61ff 62c080 63eda080 64f4908080 "  # no UTF-8, overlong, no characters
    "a201020103 a2616101616102 a2010218010f "  # a key twice, once in another length
    "a1f500 a1f60a a14100 a1800a a1fa3f80000001 "  # keys of other types
    "0000 8000 f6f6"  # more behind the value
)


def taken(wire, limit: int = LIMIT):
    raw = wire if isinstance(wire, (bytes, bytearray)) else unhexlify(wire)
    return decode(raw, 0, len(raw), limit)


def test_examples_of_the_rfc():
    for wire, value in BOTH_WAYS:
        said = encode(value, LIMIT)
        # A map's order is the dict's, which MicroPython chooses.
        assert said == unhexlify(wire) or (len(said) * 2 == len(wire) and "a" in wire), wire
        assert taken(said) == value
        found = taken(wire)
        assert found == value and type(found) is type(value), wire


def test_floats():
    for wire, value in ONE_WAY:
        found = taken(wire)
        assert found == value and type(found) is float, wire
        assert taken(encode(found, LIMIT)) == value
    for wire, value in DOUBLES:
        assert abs(taken(wire) - value) <= abs(value) * 1e-6 or value == 1.0e300, wire
    assert len(encode(0.5, LIMIT)) == 5


def test_what_is_outside_of_the_subset_is_refused():
    for wire in REFUSED + MALFORMED_ONES:
        raises(MALFORMED, taken, wire)


def test_every_example_cut_anywhere_is_refused():
    for wire, _ in BOTH_WAYS + ONE_WAY + DOUBLES:
        raw = unhexlify(wire)
        for end in range(len(raw)):
            raises(MALFORMED, taken, raw[:end])


def test_any_first_two_bytes_end_in_a_value_or_a_refusal():
    for first in range(256):
        for second in range(0, 256, 5):
            try:
                taken(bytes((first, second)))
            except PeerError:
                pass


def test_noise_ends_in_a_value_that_can_be_said_or_a_refusal():
    random = Random(8949)
    for _ in range(400):
        raw = random(1 + random.below(24))
        try:
            value = taken(raw)
        except PeerError:
            continue
        assert taken(encode(value, 4 * LIMIT), 4 * LIMIT) == value


def test_a_length_is_compared_before_anything_is_made():
    for head in ("5b", "7b", "9b", "bb"):
        for claim in (1 << 62, 0xFFFFFFFF, LIMIT):
            raises(MALFORMED, taken, unhexlify(head) + claim.to_bytes(8, "big"))


def nested(depth: int):
    value = None
    for _ in range(depth):
        value = [value]
    return value


def test_reject_value_too_deep_or_large():
    deepest = nested(DEPTH_MAX)
    assert taken(encode(deepest, LIMIT)) == deepest
    raises(OVERSIZE, encode, nested(DEPTH_MAX + 1), LIMIT)
    raises(OVERSIZE, taken, b"\x81" * (DEPTH_MAX + 1) + b"\xf6")
    raises(OVERSIZE, taken, b"\xa1\x00" * (DEPTH_MAX + 1) + b"\xf6")
    fits = bytes(LIMIT - 3)
    assert taken(encode(fits, LIMIT)) == fits
    raises(OVERSIZE, encode, fits + b"\0", LIMIT)
    raises(OVERSIZE, taken, encode(fits + b"\0", LIMIT + 1))


def test_a_list_within_itself_is_too_deep():
    value = []
    value.append(value)
    raises(OVERSIZE, encode, value, LIMIT)


def test_empty_lists_are_counted():
    most = LIMIT // BYTES_A_CONTAINER
    fits = [[] for _ in range(most - 1)]
    assert taken(encode(fits, LIMIT)) == fits
    raises(OVERSIZE, encode, fits + [[]], LIMIT)
    raises(OVERSIZE, taken, b"\x98" + bytes((most,)) + b"\x80" * most)


def test_other_lengths_of_the_same_number_are_taken():
    for wire in ("1800", "190000", "1a00000000", "1b0000000000000000"):
        assert taken(wire) == 0
    assert taken("5803010203") == b"\1\2\3"
    assert taken("9a0000000101") == [1]


def test_what_is_no_value_is_refused_here():
    for value in (object(), {1, 2}, {None: 1}, {True: 1}, {b"a": 1}, float("nan"), [1j], 1 << 64):
        raises(BAD_ARGUMENT, encode, value, LIMIT)
    raises(BAD_ARGUMENT, encode, -(1 << 64) - 1, LIMIT)


def test_what_is_like_a_value_is_taken_as_one():
    assert taken(encode((1, 2), LIMIT)) == [1, 2]
    assert taken(encode(bytearray(b"ab"), LIMIT)) == b"ab"
    assert taken(encode(memoryview(b"ab"), LIMIT)) == b"ab"


def test_a_value_lies_anywhere_in_its_buffer():
    raw = b"xx" + encode({"a": [1, b"b"]}, LIMIT) + b"yy"
    assert decode(raw, 2, len(raw) - 2, LIMIT) == {"a": [1, b"b"]}
    assert decode(memoryview(raw), 2, len(raw) - 2, LIMIT) == {"a": [1, b"b"]}
