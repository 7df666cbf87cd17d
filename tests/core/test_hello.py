"""HELLO: exact, bounded, and no name that poses as another node."""

from dsoftbus.const import HOST, NODE_NAME_MAX, SMALL, TINY, U30_MAX
from dsoftbus.handshake.hello import Hello, decode, own
from dsoftbus.identity import device_id
from dsoftbus.session.node_config import NodeConfig
from support import NO_NAMES, raises

KEY = b"\x11" * 32
MALFORMED = "core.reject.malformed_message"


def fields(hello) -> tuple:
    return (
        hello.record_bytes,
        hello.streams,
        hello.stream_credit,
        hello.session_credit,
        hello.features,
        hello.name,
    )


def test_golden_bytes():
    wire = Hello(0x0451, 8, 2048, 0x4000, 5, "n\u00e9").encode()
    assert (
        wire
        == b"\x01\x04\x51\x00\x08\x00\x00\x08\x00\x00\x00\x40\x00\x00\x00\x00\x05\x03n\xc3\xa9"
    )
    assert fields(decode(wire, KEY)) == (0x0451, 8, 2048, 0x4000, 5, "n\u00e9")


def test_every_profile_says_what_it_is():
    for profile in (TINY, SMALL, HOST):
        hello = decode(own(profile, "node").encode(), KEY)
        assert hello.record_bytes == profile.record_bytes
        assert hello.streams == profile.streams
        assert hello.stream_credit == profile.stream_credit
        assert hello.session_credit == profile.session_credit


def test_the_bounds_of_each_field():
    for good in (
        (200, 0, 64, 64, 0, ""),
        (65535, 32767, U30_MAX, U30_MAX, U30_MAX, "x" * NODE_NAME_MAX),
    ):
        assert fields(decode(Hello(*good).encode(), KEY)) == good
    for wrong in (
        (199, 1, 64, 64, 0, ""),
        (0, 1, 64, 64, 0, ""),
        (256, 32768, 64, 64, 0, ""),
        (256, 1, 63, 64, 0, ""),
        (256, 1, 64, 63, 0, ""),
        (256, 1, 0, 0, 0, ""),
    ):
        raises(MALFORMED, decode, Hello(*wrong).encode(), KEY)


def test_numbers_beyond_30_bits_are_malformed():
    wire = bytearray(Hello(256, 1, 64, 64).encode())
    for at in (5, 9, 13):
        wrong = bytearray(wire)
        wrong[at] = 0x40
        raises(MALFORMED, decode, wrong, KEY)


def test_every_truncation_and_every_extension_is_malformed():
    wire = Hello(256, 1, 64, 64, 0, "name").encode()
    for n in range(len(wire)):
        raises(MALFORMED, decode, wire[:n], KEY)
    raises(MALFORMED, decode, wire + b"x", KEY)


def test_other_versions_and_bad_names_are_malformed():
    wire = bytearray(Hello(256, 1, 64, 64, 0, "name").encode())
    for version in (0, 2, 255):
        raises(MALFORMED, decode, bytes((version,)) + bytes(wire[1:]), KEY)
    raises(MALFORMED, decode, bytes(wire[:17]) + b"\x21" + b"x" * 33, KEY)
    for name in (b"\xff", b"\xc3", b"\xc0\xaf"):
        raises(MALFORMED, decode, bytes(wire[:17]) + bytes((len(name),)) + name, KEY)
    raises("local.bad_argument", NodeConfig, {}, None, None, None, "x" * 33)


def test_a_name_that_would_not_show_is_refused():
    for name in NO_NAMES:
        wire = Hello(256, 1, 64, 64, 0, name).encode()
        raises("core.reject.invalid_name", decode, wire, KEY)
        raises("local.bad_argument", NodeConfig, {}, None, None, None, name)
    assert decode(Hello(256, 1, 64, 64, 0, "").encode(), KEY).name == ""


def test_a_name_that_is_an_id_must_be_the_senders():
    own_id, other = device_id(KEY), device_id(bytes(32))
    assert decode(Hello(256, 1, 64, 64, 0, own_id).encode(), KEY).name == own_id
    label = "core.reject.payload_identity_spoof_vs_sender_service_id"
    raises(label, decode, Hello(256, 1, 64, 64, 0, other).encode(), KEY)
