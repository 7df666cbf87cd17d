"""A value that a peer sends for an offer or for a time is one, or is refused with a label."""

from hypothesis import given
from hypothesis import strategies as st

from dsoftbus.errors import CLOCK_NOT_KNOWN, MALFORMED, PeerError
from dsoftbus.service.clock import EARLIEST_US, ClockSample, sample_of
from dsoftbus.service.directory import Offer, item, offer_of
from hostile import NAMES, is_harmless

TEXTS = st.one_of(
    st.text(max_size=130), st.sampled_from((*NAMES, "call", "state", "event", "led"))
)
TIMES = st.one_of(
    st.integers(-(2**64), 2**64 - 1), st.integers(EARLIEST_US - 9, EARLIEST_US + 10**12)
)
PLAIN = st.one_of(st.none(), st.booleans(), TIMES, st.floats(allow_nan=False), st.binary(), TEXTS)
KEYS = st.one_of(st.sampled_from(("kind", "name", "about", "unit", "shape")), TEXTS, st.integers())
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=8
)
KINDS = st.sampled_from(("call", "state", "event", "share", "", None))
LIKE_OFFERS = st.fixed_dictionaries(
    {"kind": KINDS, "name": TEXTS},
    optional={"about": PLAIN | TEXTS, "unit": TEXTS, "shape": TEXTS, "later": VALUES},
)


@given(VALUES | LIKE_OFFERS)
def test_an_offer_or_a_label(value):
    try:
        offer = offer_of(value)
    except PeerError as error:
        assert error.code == MALFORMED
        return
    assert isinstance(offer, Offer)
    assert is_harmless("".join(item(offer).values()))
    assert item(offer_of(item(offer))) == item(offer)


@given(TIMES, VALUES | st.lists(TIMES, min_size=2, max_size=2), st.integers(-10, 10**7))
def test_a_sample_or_a_label(asked_us, value, took_us):
    try:
        sample = sample_of(asked_us, value, asked_us + took_us)
    except PeerError as error:
        assert error.code in (MALFORMED, CLOCK_NOT_KNOWN)
        return
    assert isinstance(sample, ClockSample)
    assert 0 <= sample.delay_us <= took_us
    # However the two ways share the delay, the offset is right to within half of it.
    least, most = value[1] - asked_us - took_us, value[0] - asked_us
    assert least - 1 <= sample.offset_us <= most + 1
