"""Device ids: cannot be claimed without their key."""

from dsoftbus.identity import (
    ID_CHARS,
    check_claim,
    device_id,
    looks_like_id,
)
from support import Random, raises

# base32 of SHA-256(b"dsoftbus-id-1" || public)[:16], made with Python's hashlib and base64.
KNOWN = (
    (bytes(32), "6cdhqctsbsmr6m33ihbsa6c274"),
    (b"\x11" * 32, "zoz2ourkbsx3rpnntrduu5ta64"),
    (bytes(range(32)), "kte3oqtonif62fche53j2j6oje"),
)


def test_ids_of_known_keys():
    for public, expected in KNOWN:
        assert device_id(public) == expected
        assert device_id(bytearray(public)) == expected


def test_an_id_is_26_characters_of_lower_case_base32():
    random = Random(2)
    seen = set()
    for _ in range(200):
        found = device_id(random(32))
        assert len(found) == ID_CHARS == 26
        assert looks_like_id(found)
        seen.add(found)
    assert len(seen) == 200


def test_every_bit_of_the_key_counts():
    key = Random(9)(32)
    ids = {device_id(key)}
    for bit in range(256):
        other = bytearray(key)
        other[bit // 8] ^= 1 << bit % 8
        ids.add(device_id(other))
    assert len(ids) == 257


def test_what_looks_like_an_id():
    good = device_id(bytes(32))
    assert looks_like_id(good)
    for wrong in ("", good[1:], good + "a", good.upper(), "1" + good[1:], "-" + good[1:]):
        assert not looks_like_id(wrong)


def test_a_claim_can_only_agree_with_the_channel():
    own, other = device_id(bytes(32)), device_id(b"\x11" * 32)
    check_claim(own, own)
    label = "core.reject.payload_identity_spoof_vs_sender_service_id"
    for claimed in (other, own[1:], own.upper(), ""):
        raises(label, check_claim, claimed, own)
