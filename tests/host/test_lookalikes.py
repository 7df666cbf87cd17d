"""Names that people take for one another, by Unicode's own data, and by all that boards know."""

import pytest
from tests.core.test_lookalikes import APART, PAIRS

from dsoftbus_host.discovery.lookalikes import _prototypes, alike

MORE = (
    ("hub", "\U0001d5c1\U0001d5ce\U0001d5bb"),  # mathematical letters
    ("hub", "\u24d7\u24e4\u24d1"),  # in circles
    ("hub", "\ua4e7ub"),  # Lisu
    ("hub", "\u210eub"),  # Planck's constant
    ("\u0434\u043e\u043c", "\u0414\u041e\u041c"),  # case of another script
    ("stra\xdfe", "strasse"),
    ("h\u200bub", "hub"),
    ("a  b", "a b"),
)


@pytest.mark.parametrize(("one", "other"), [*PAIRS, *MORE])
def test_names_that_look_alike(one, other):
    assert alike(one, other)
    assert alike(other, one)


@pytest.mark.parametrize(("one", "other"), APART)
def test_names_that_do_not(one, other):
    assert not alike(one, other)


def test_the_data_are_there():
    found = _prototypes()
    assert len(found) > 5000
    assert found["\u0430"] == "a"
    assert found["m"] == "rn"
    assert "a" not in found


def test_letters_and_digits_are_alike_only_where_they_should_be():
    plain = "abcdefghijklmnopqrstuvwxyz0123456789"
    pairs = {one + other for one in plain for other in plain if one < other and alike(one, other)}
    assert pairs == {"0o", "1l", "1i", "il"}
