"""Errors: every code has a label of its own, and the parents tell whose fault it was."""

from dsoftbus import errors
from dsoftbus.base.labels import LABELS
from dsoftbus.base.sleep_times import ASLEEP_FIRST, ASLEEP_LAST
from support import raises


def fail(error):
    raise error


def test_every_code_has_a_label_of_its_own():
    values = [getattr(errors, name) for name in dir(errors) if name == name.upper()]
    codes = [value for value in values if isinstance(value, int)]
    assert codes
    codes += range(ASLEEP_FIRST, ASLEEP_LAST + 1)
    assert sorted(codes) == sorted(LABELS)
    assert len(set(LABELS.values())) == len(codes)


def test_codes_fit_a_byte_on_the_wire():
    for code in LABELS:
        assert 0 < code < 0x100


def test_an_unknown_code_has_a_label():
    assert errors.label(0xFE) == "unknown.0xfe"


def test_parents_tell_whose_fault_it_was():
    assert issubclass(errors.LocalError, errors.BusError)
    assert issubclass(errors.PeerError, errors.BusError)
    assert issubclass(errors.Unsupported, errors.LocalError)
    assert not issubclass(errors.PeerError, errors.LocalError)


def test_an_error_carries_code_label_and_detail():
    error = raises(errors.OVERSIZE, fail, errors.PeerError(errors.OVERSIZE, "70000 bytes"))
    assert error.label == "core.reject.oversize_frame_or_record"
    assert str(error) == "core.reject.oversize_frame_or_record: 70000 bytes"
    assert str(errors.LocalError(errors.WOULD_BLOCK)) == "local.would_block"


def test_unsupported_names_what_is_missing():
    error = raises("local.unsupported", fail, errors.Unsupported("no UART"))
    assert error.detail == "no UART"
