"""Cards and the clock of a group: vectors, the way there and back, and every kind of drop."""

from binascii import hexlify, unhexlify
from hashlib import sha256

from dsoftbus.broker.cards import CARD_LIFETIME_S, Cards
from dsoftbus.broker.drop_labels import labelled
from dsoftbus.broker.group import EPOCH_S, Group
from dsoftbus.discovery.announce import Announcement, claimed
from dsoftbus.identity import device_id
from provided import SUITE

SECRET = bytes(range(32))
DEVICE = "abcdefghijklmnopqrstuvwxyz"
PEER = "zyxwvutsrqponmlkjihgfedcba"
NOON = 20788 * EPOCH_S + 43200
# By `python3 tests/core/broker_vectors.py`.
CARD = "91f824612e9ff5b81cda3e560da0e3aaef65b233ec4362a922882a97bab5dbeb"
CLOCK = "03000102030405060708090a0ba56c474cf18f7027cce8b1037001b8df6f326d5c"


def counted(n: int) -> bytes:
    return bytes(range(n))


def cards(secret: bytes = SECRET) -> Cards:
    return Cards(Group(secret), SUITE.cipher, counted)


def seen(here: Cards) -> dict:
    return labelled(here.drops)


def test_a_card_as_others_compute_it():
    topic, payload = cards().card(DEVICE, b"announcement", 600, NOON)
    assert hexlify(sha256(payload).digest()).decode() == CARD
    here = cards()
    assert here.open(topic, payload, NOON) == (b"announcement", 600)
    assert here.open(topic, payload, NOON + 599) == (b"announcement", 1)
    assert here.is_of(topic, DEVICE, NOON)
    assert seen(here) == {}


def test_filters_match_the_topics_of_three_days():
    for day in (-1, 0, 1):
        topic, payload = cards().card(DEVICE, b"x", 600, NOON + day * EPOCH_S)
        filters = [text[:-1] for text in cards().topics(NOON)]
        assert topic.rsplit("/", 1)[0] + "/" in filters
        found = cards().open(topic, payload, NOON)
        assert (found is None) == (day != 0)  # another day's has expired, or is too far ahead


def test_all_lengths_are_padded():
    lengths = set()
    for n in (0, 1, 249, 250, 251, 1200):
        topic, payload = cards().card(DEVICE, b"x" * n, 600, NOON)
        lengths.add(len(payload))
        assert cards().open(topic, payload, NOON) == (b"x" * n, 600)
    assert lengths == {29 + 256, 29 + 512, 29 + 1280}


def test_the_longest_announcement_fits():
    public = bytes(32)
    services = ["s" * 60] * 16
    said = Announcement(device_id(public), public, (), services, "n" * 32)
    said.lifetime_s = CARD_LIFETIME_S
    topic, payload = cards().card(said.id, said.encode(), CARD_LIFETIME_S, NOON)
    packet, _ = cards().open(topic, payload, NOON)
    assert claimed(packet) == (said.id, public)


def test_every_changed_byte_is_noticed():
    topic, payload = cards().card(DEVICE, b"announcement", 600, NOON)
    here = cards()
    for at in range(1, len(payload), 7):
        wrong = bytearray(payload)
        wrong[at] ^= 0x80
        assert here.open(topic, bytes(wrong), NOON) is None
    assert list(seen(here)) == ["broker.drop.not_from_group"]


def test_what_is_no_card():
    topic, payload = cards().card(DEVICE, b"announcement", 600, NOON)
    here = cards()
    wrong = (b"", payload[:1], payload[:28], payload[:-1], payload + b"x", b"\x01" + payload[1:])
    for data in wrong + (bytes((2,)) + bytes(28 + 256 * 6),):
        assert here.open(topic, data, NOON) is None
    level = topic.rsplit("/", 1)[0]
    names = ("", "/", "/a", "/" + "a" * 15 + "1", "/" + "A" * 16, "/" + "a" * 17, "x" * 17)
    for name in names + ("/" + "ä" * 16,):
        assert here.open(level + name, payload, NOON) is None
    assert seen(here) == {"broker.drop.malformed": 15}


def test_a_card_in_another_slot():
    topic, payload = cards().card(DEVICE, b"announcement", 600, NOON)
    elsewhere, _ = cards().card(PEER, b"", 600, NOON)
    here = cards()
    assert here.open(elsewhere, payload, NOON) is None  # a broker that mixes them up
    assert seen(here) == {"broker.drop.not_from_group": 1}
    assert not here.is_of(elsewhere, DEVICE, NOON)  # a node of the group that claims another's
    assert seen(here)["broker.drop.wrong_slot"] == 1
    assert here.is_of(topic, DEVICE, NOON)


def test_another_group_s_cards():
    topic, payload = cards(bytes(32)).card(DEVICE, b"x", 600, NOON)
    here = cards()
    assert here.open(topic, payload, NOON) is None
    assert seen(here) == {"broker.drop.malformed": 1}


def test_old_cards():
    topic, payload = cards().card(DEVICE, b"x", 600, NOON)
    here = cards()
    for later in (600, 601, 3600):
        assert here.open(topic, payload, NOON + later) is None
    assert seen(here) == {"broker.drop.expired": 3}
    assert here.open(topic, payload, NOON + 2 * EPOCH_S) is None  # its day is over
    assert here.open(topic, payload, NOON - 3001) is None  # who claims to last longer
    assert seen(here) == {"broker.drop.expired": 3, "broker.drop.malformed": 2}


def test_a_goodbye_is_good_whenever_it_comes():
    topic, payload = cards().card(DEVICE, b"goodbye", 0, NOON)
    assert cards().open(topic, payload, NOON) == (b"goodbye", 0)
    assert cards().open(topic, payload, NOON + EPOCH_S) == (b"goodbye", 0)


def test_the_clock():
    here = cards()
    assert hexlify(here.seal_clock(NOON)).decode() == CLOCK
    assert here.open_clock(unhexlify(CLOCK)) == NOON
    for wrong in (b"", unhexlify(CLOCK)[:-1], unhexlify(CLOCK) + b"x", b"\x02" * 33):
        assert here.open_clock(wrong) is None
    assert seen(here) == {"broker.drop.malformed": 4}
    assert cards(bytes(32)).open_clock(unhexlify(CLOCK)) is None
    for at in range(1, 33):
        wrong = bytearray(unhexlify(CLOCK))
        wrong[at] ^= 1
        assert here.open_clock(bytes(wrong)) is None
    assert seen(here)["broker.drop.not_from_group"] == 32
