"""Time of a peer: offset and delay, and what is refused."""

from dsoftbus.errors import CLOCK_NOT_KNOWN, CLOCK_STEP, MALFORMED
from dsoftbus.service.clock import (
    EARLIEST_US,
    STEP_MAX_US,
    answer,
    check_step,
    is_known,
    sample_of,
)
from dsoftbus.service.values import decode, encode
from support import raises

NOW = EARLIEST_US + 50_000_000_000_000
SECOND = 1_000_000


def test_offset_and_delay():
    # A peer whose clock is 5 s ahead; 3 ms there, 2 ms to answer, 1 ms back.
    sample = sample_of(NOW, [NOW + 5_003_000, NOW + 5_005_000], NOW + 6_000)
    assert sample.delay_us == 4_000
    assert sample.offset_us == 5_001_000  # half the difference of the ways is its error
    behind = sample_of(NOW, [NOW - 5 * SECOND, NOW - 5 * SECOND], NOW + 10)
    assert (behind.offset_us, behind.delay_us) == (-5 * SECOND - 5, 10)


def test_a_clock_that_was_never_set_may_ask():
    for start in (0, 946_684_800_000_000):  # 1970, 2000
        sample = sample_of(start, [NOW, NOW], start + 2_000)
        assert start + sample.offset_us + 1_000 == NOW
        check_step(start, sample.offset_us, STEP_MAX_US)


def test_an_answer_travels_as_a_value():
    raw = encode(answer(NOW, NOW + 1), 1024)
    assert decode(raw, 0, len(raw), 1024) == [NOW, NOW + 1]
    assert len(raw) == 19


def test_who_does_not_know_the_time_says_so():
    assert answer(EARLIEST_US - 1, EARLIEST_US) is None
    assert not is_known(0)
    assert is_known(EARLIEST_US)
    raises(CLOCK_NOT_KNOWN, sample_of, NOW, None, NOW)


def test_reject_what_is_no_time():
    for value in (
        0,
        [],
        [NOW],
        [NOW, NOW, NOW],
        [NOW, True],
        [NOW, float(NOW)],
        [None, NOW],
        {"a": NOW},
        [NOW + 1, NOW],  # it answered before it was asked
        [NOW, NOW + 11],  # it had the question for longer than the whole took
        [EARLIEST_US - 1, EARLIEST_US],
        [1 << 56, 1 << 56],
        [-1, -1],
    ):
        raises(MALFORMED, sample_of, NOW, value, NOW + 10)
    raises(MALFORMED, sample_of, NOW, [NOW, NOW], NOW - 1)  # this clock was moved meanwhile


def test_a_step_is_bounded():
    check_step(NOW, STEP_MAX_US, STEP_MAX_US)
    check_step(NOW, -STEP_MAX_US, STEP_MAX_US)
    raises(CLOCK_STEP, check_step, NOW, STEP_MAX_US + 1, STEP_MAX_US)
    raises(CLOCK_STEP, check_step, NOW, -STEP_MAX_US - 1, STEP_MAX_US)
    raises(CLOCK_STEP, check_step, NOW, 1, 0)
    raises(CLOCK_STEP, check_step, 0, EARLIEST_US - 1, STEP_MAX_US)
    raises(CLOCK_STEP, check_step, 0, 1 << 56, STEP_MAX_US)
