"""The directory: offers as values, and what a peer may send for one."""

from dsoftbus.const import SMALL
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, OVERSIZE
from dsoftbus.service.directory import Listing, Offer, check, item, offer_of
from dsoftbus.service.values import decode, encode
from support import raises

SAID = {"kind": "state", "name": "air/temperature", "about": "hall", "unit": "C", "shape": "float"}


def listed(value) -> Offer:
    """One offer of a list that a peer sends."""
    listing = Listing(4096)
    raw = encode(value, 4096)
    listing.take(decode(raw, 0, len(raw), 4096))
    return listing.offers[0]


def test_an_offer_is_a_map_and_comes_back():
    offer = listed(SAID)
    assert (offer.kind, offer.name, offer.about) == ("state", "air/temperature", "hall")
    assert (offer.unit, offer.shape) == ("C", "float")
    assert item(offer) == SAID


def test_what_was_not_said_is_empty_and_left_out():
    offer = listed({"kind": "call", "name": "led"})
    assert (offer.about, offer.unit, offer.shape) == ("", "", "")
    assert item(offer) == {"kind": "call", "name": "led"}


def test_what_a_later_node_says_more_is_passed_over():
    assert item(listed({"kind": "call", "name": "led", "later": [1], 7: None})) == {
        "kind": "call",
        "name": "led",
    }


def test_reject_what_is_no_offer():
    for value in (
        None,
        [],
        {},
        {"kind": [], "name": "led"},
        {"kind": "share", "name": "led"},
        {"kind": "call"},
        {"kind": "call", "name": ""},
        {"kind": "call", "name": 1},
        {"kind": "call", "name": ["led"]},
        {"kind": "call", "name": "led\n"},
        {"kind": "call", "name": "\u202eled"},
        {"kind": "call", "name": "x" * 60},
        {"kind": "state", "name": "x" * 59},
        {"kind": "call", "name": "dsoftbus/offers"},
        {"kind": "call", "name": "led", "about": b"a"},
        {"kind": "call", "name": "led", "about": None},
        {"kind": "call", "name": "led", "about": "\x1b[2J"},
        {"kind": "call", "name": "led", "about": "x" * 121},
        {"kind": "call", "name": "led", "unit": "\u20ac" * 9},
        {"kind": "call", "name": "led", "shape": [[]]},
    ):
        raises(MALFORMED, Listing(4096).take, value)


def test_a_list_is_bounded_by_the_profile_of_who_asks():
    listing = Listing(SMALL.value_bytes)
    for i in range(SMALL.value_bytes // 64):
        listing.take({"kind": "call", "name": "c%d" % i})
    raises(OVERSIZE, listing.take, {"kind": "call", "name": "one more"})
    assert len(listing.offers) == SMALL.value_bytes // 64


def test_texts_that_no_list_could_have_are_refused_here():
    check(about="x" * 120, unit="\u00b0C", shape="[float, float]")
    for texts in ({"about": "x" * 121}, {"unit": "a\nb"}, {"shape": b"x"}, {"about": " x"}):
        error = raises(BAD_ARGUMENT, lambda texts=texts: check(**texts))
        assert "bytes" in error.detail


def test_an_offer_of_the_longest_texts_is_a_value_of_the_smallest_node():
    offer = Offer("event", "x" * 58, "a" * 120, "u" * 24, "s" * 120)
    assert len(encode(item(offer), 1024)) <= 400
    assert item(offer_of(item(offer))) == item(offer)
