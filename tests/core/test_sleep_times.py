"""Codes of a CLOSE say for how long its sender means to sleep."""

from dsoftbus import errors
from dsoftbus.base.labels import LABELS
from dsoftbus.base.sleep_times import ASLEEP_FIRST, ASLEEP_LAST, TIMES_S, code_of, planned_s


def test_the_times_that_people_use_are_exact():
    for seconds in (10, 60, 300, 600, 900, 3600, 86400):
        assert planned_s(code_of(1000 * seconds)) == seconds


def test_others_are_said_as_the_next_longer_one_and_the_longest_is_the_last():
    assert planned_s(code_of(0)) == 5
    for i in range(len(TIMES_S) - 1):
        assert planned_s(code_of(1000 * TIMES_S[i])) == TIMES_S[i]
        assert planned_s(code_of(1000 * TIMES_S[i] + 1)) == TIMES_S[i + 1]
    assert code_of(1000 * TIMES_S[-1] + 1) == code_of(1 << 40) == ASLEEP_LAST


def test_other_codes_say_nothing_of_sleep():
    known = [getattr(errors, name) for name in dir(errors) if name == name.upper()]
    assert ASLEEP_LAST < 0x100
    for code in [0, ASLEEP_FIRST - 1, ASLEEP_LAST + 1, 0xFF] + known:
        if isinstance(code, int):
            assert planned_s(code) == 0
    assert LABELS[code_of(600000)] == "session.end.asleep_600_s"
