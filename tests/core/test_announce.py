"""Announcements: the golden vector, both versions there and back, and every kind of bad input."""

from binascii import hexlify, unhexlify

from dsoftbus.const import LINK_DATAGRAM, LINK_STREAM
from dsoftbus.discovery import announce
from dsoftbus.discovery.announce import FLAG_PAIRING, FLAG_QUERY, PAD, Announcement, decode
from dsoftbus.discovery.announcer import ASK_BYTES, Announcer
from dsoftbus.errors import BAD_ARGUMENT, PeerError
from support import NO_NAMES, Random, raises

GOLDEN = unhexlify(
    b"4e58534201056e6f646539909c" + b"11" * 32 + b"020673616d6772640a62756e646c656d677264"
)
KEY = b"\x22" * 32
REJECT = "discovery.reject."


def sample() -> Announcement:
    links = ((LINK_STREAM, 37020), (LINK_DATAGRAM, 37021))
    said = Announcement("abcdefghijklmnopqrstuvwxyz", KEY, links, ("echo", "files"), "käfer")
    said.sequence = 0x3FFFFFFF
    said.lifetime_s = 60
    said.flags = FLAG_PAIRING
    return said


def fields(said: Announcement) -> tuple:
    head = (said.version, said.id, said.public, said.sequence, said.lifetime_s)
    return head + (said.flags, said.links, said.name, said.services)


def patched(packet: bytes, at: int, new: bytes) -> bytes:
    return packet[:at] + new + packet[at + len(new) :]


def test_the_golden_vector_of_version_1():
    said = decode(GOLDEN)
    assert (said.version, said.id, said.public) == (1, "node9", b"\x11" * 32)
    assert said.links == ((LINK_STREAM, 37020),)
    assert said.services == ("samgrd", "bundlemgrd")
    assert (said.sequence, said.lifetime_s, said.flags, said.name) == (-1, 60, 0, "")
    made = Announcement("node9", b"\x11" * 32, ((LINK_STREAM, 37020),), said.services, version=1)
    assert made.encode() == said.encode() == GOLDEN


def test_version_1_without_a_port():
    bare = patched(GOLDEN, 11, b"\0\0")
    assert decode(bare).links == ()
    assert decode(bare).encode() == bare


def test_version_2_there_and_back():
    packet = sample().encode()
    assert fields(decode(packet)) == fields(sample())
    assert decode(packet).encode() == packet


def test_a_fixed_packet_of_version_2():
    said = Announcement("ab", KEY, ((LINK_DATAGRAM, 1),), ("s",), "n")
    said.sequence = 258
    expected = b"4e58534202026162" + b"22" * 32 + b"00000102003c000102000101" + b"6e" + b"010173"
    assert hexlify(said.encode()) == expected


def test_a_reader_may_give_a_view():
    assert decode(memoryview(bytearray(GOLDEN))).id == "node9"


def test_every_cut_is_truncated():
    for packet in (GOLDEN, sample().encode()):
        for n in range(len(packet)):
            raises(REJECT + "truncated", decode, packet[:n])


def test_each_class_of_bad_input():
    v2 = sample().encode()
    at = 6 + 26 + 32  # of the sequence
    cases = (
        ("bad_magic", patched(GOLDEN, 0, b"NXSA")),
        ("unsupported_version", patched(GOLDEN, 4, b"\0")),
        ("unsupported_version", patched(GOLDEN, 4, b"\3")),
        ("invalid_input", patched(GOLDEN, 5, b"\0")),
        ("invalid_input", patched(GOLDEN, 5, b"\x41")),
        ("bad_utf8", patched(GOLDEN, 6, b"\xff")),
        ("invalid_input", patched(GOLDEN, 45, b"\x11")),  # 17 services
        ("invalid_input", patched(GOLDEN, 46, b"\0")),
        ("invalid_input", patched(GOLDEN, 46, b"\x41")),
        ("bad_utf8", patched(GOLDEN, 47, b"\xc3\x28")),
        ("invalid_input", GOLDEN + b"\0"),
        ("invalid_input", patched(v2, at, b"\x40")),  # a sequence of 2**30
        ("lifetime_out_of_bounds", patched(v2, at + 4, b"\0\4")),
        ("lifetime_out_of_bounds", patched(v2, at + 4, b"\2\x59")),
        ("invalid_input", patched(v2, at + 7, b"\x09")),  # nine links
        ("invalid_input", patched(v2, at + 9, b"\0\0")),  # port 0
        ("invalid_input", patched(v2, at + 14, b"\x21")),  # a name of 33 bytes
        ("bad_utf8", patched(v2, at + 16, b"\xff")),
        ("invalid_input", v2 + b"\0"),
    )
    for name, packet in cases:
        raises(REJECT + name, decode, packet)


def test_reject_oversize_discovery_packet():
    raises(REJECT + "oversize_packet", decode, GOLDEN + bytes(1201 - len(GOLDEN)))
    raises(REJECT + "invalid_input", decode, GOLDEN + bytes(1200 - len(GOLDEN)))


def test_a_goodbye_has_no_lifetime():
    said = sample()
    said.lifetime_s = 0
    assert decode(said.encode()).lifetime_s == 0


def test_what_no_packet_can_say_is_refused():
    def spoiled(name, value):
        said = sample()
        setattr(said, name, value)
        raises(BAD_ARGUMENT, said.encode)

    spoiled("id", "")
    spoiled("id", "x" * 65)
    spoiled("public", bytes(31))
    spoiled("sequence", 1 << 30)
    spoiled("lifetime_s", 601)
    spoiled("links", ((LINK_STREAM, 1),) * 9)
    spoiled("name", "x" * 33)
    spoiled("services", ("a",) * 17)
    spoiled("services", ("",))
    spoiled("services", ("x" * 64,) * 16 + ("y" * 60,))


def test_names_that_would_not_show_are_refused():
    good = "\u00e9" * 15
    for name in NO_NAMES:
        wire = name.encode()
        fill = b"x" * (30 - len(wire))
        bad = wire + fill if name[-1:] == "a" or name[:1] == " " else fill + wire
        for spoiled in ("id", "name", "services"):
            said = sample()
            setattr(said, spoiled, (good,) if spoiled == "services" else good)
            packet = said.encode().replace(good.encode(), bad)
            assert len(packet) == len(said.encode())
            raises(REJECT + "invalid_input", decode, packet)
            setattr(said, spoiled, (name,) if spoiled == "services" else name)
            raises(BAD_ARGUMENT, said.encode)


def test_the_largest_announcement_has_1200_bytes():
    said = Announcement("x" * 64, KEY, ((LINK_STREAM, 1),) * 8, ("s" * 64,) * 16, "n" * 24)
    assert len(said.encode()) == 1200
    said.name += "n"
    raises(BAD_ARGUMENT, said.encode)


def test_noise_never_decodes_to_something_else():
    random = Random(5)
    source = bytearray(sample().encode())
    for _ in range(300):
        packet = bytearray(source)
        packet[random.below(len(packet))] = random(1)[0]
        try:
            said = decode(packet)
        except PeerError as error:
            assert error.label.startswith(REJECT), error.label
        else:
            assert said.encode() == packet


def test_the_claimed_id_and_key_are_read_at_a_glance():
    assert announce.claimed(GOLDEN) == ("node9", b"\x11" * 32)
    said = sample()
    assert announce.claimed(said.encode()) == (said.id, said.public)
    nothing = ("", b"")
    assert announce.claimed(b"") == announce.claimed(b"NXSB\1") == nothing
    assert announce.claimed(patched(GOLDEN, 0, b"M")) == nothing
    assert announce.claimed(patched(GOLDEN, 6, b"\xff")) == nothing
    for n in range(len(GOLDEN)):
        device, public = announce.claimed(GOLDEN[:n])
        assert "node9".startswith(device) and (b"\x11" * 32).startswith(public)


def test_a_question_is_as_long_as_the_answer_it_wants():
    for services in ((), ("a",), ("s" * 64,) * 3, ("t" * 64,) * 16):
        said = sample()
        said.services = services
        plain = len(said.encode())
        announcer = Announcer(said, 0, ASK_BYTES)
        for packet in (announcer.ask(), announcer.poll_transmit(0)):
            assert max(ASK_BYTES, plain) <= len(packet) <= max(ASK_BYTES + 12, plain)
            heard = decode(packet)
            assert heard.services[: len(services)] == services
            assert all(name.startswith(PAD) for name in heard.services[len(services) :])
        assert said.services == services and len(announcer.goodbye()) == plain
        assert len(Announcer(said, 0).ask()) == plain


def test_no_answer_is_longer_than_its_question():
    said = sample()
    said.services = tuple(["service/%d" % n for n in range(16)])
    announcer = Announcer(said, 0)
    whole = announcer.answer()
    assert decode(whole).services == said.services
    seen = set()
    for most in range(len(whole) + 2):
        packet = announcer.answer(most)
        if packet is not None:
            assert len(packet) <= most
            heard = decode(packet)
            assert (heard.name, heard.links) == (said.name, said.links)
            seen.add(len(heard.services))
        else:
            assert not seen
    assert seen == set(range(17)) and len(said.services) == 16


def test_an_announcer_begins_eagerly_and_then_thrice_a_lifetime():
    announcer = Announcer(sample(), 1000)
    announcer.said.sequence = 7
    sent = []
    now = 0
    while now < 63000:
        packet = announcer.poll_transmit(now)
        if packet:
            said = decode(packet)
            sent.append((now, said.sequence, said.flags))
        now += 500
    ask = FLAG_QUERY | FLAG_PAIRING
    assert sent == [
        (1000, 8, ask),
        (2000, 9, ask),
        (3000, 10, ask),
        (23000, 11, FLAG_PAIRING),
        (43000, 12, FLAG_PAIRING),
    ]
    assert announcer.poll_timer() == 63000


def test_an_announcer_probes_answers_and_leaves():
    announcer = Announcer(sample(), 0)
    announcer.said.sequence = 0
    probe, answer, goodbye = announcer.ask(), announcer.answer(), announcer.goodbye()
    assert decode(probe).flags == FLAG_QUERY | FLAG_PAIRING
    assert decode(answer).flags == FLAG_PAIRING
    assert decode(goodbye).lifetime_s == 0
    assert decode(goodbye).sequence == 3
    assert announcer.said.lifetime_s == 60
    announcer.announce_soon(50)
    assert announcer.poll_timer() == 50
