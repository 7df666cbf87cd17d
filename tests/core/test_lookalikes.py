"""Names that people take for one another, as boards see it."""

from dsoftbus.trust.lookalikes import _ALIKE, _LETTERS, alike

PAIRS = (
    ("hub", "hub"),
    ("hub", "HUB"),
    ("hub", "h\u03c5b"),  # Greek upsilon
    ("hub", "\u04bbub"),  # Cyrillic shha
    ("hub", "\u0570\u057db"),  # Armenian
    ("hub", "\uff48\uff55\uff42"),  # full width
    ("hub", "h\xfcb"),
    ("hub", "hu\u0308b"),  # the same, in two characters
    ("Iris", "lris"),
    ("Iris", "1ris"),
    ("node0", "nodeO"),
    ("modem", "rnodern"),
    ("window", "vvindovv"),
    ("paypal", "\u0440\u0430\u0443\u0440\u0430l"),
    ("HOME", "\u041d\u041e\u041c\u0415"),
)
APART = (
    ("hub", "hab"),
    ("hub", "hub2"),
    ("a", "b"),
    ("sensor-1", "sensor-2"),
    ("", ""),
    ("", "a"),
)


def test_the_table_has_a_letter_for_each():
    assert len(_LETTERS) == len(_ALIKE)
    assert len(set(_LETTERS)) == len(_LETTERS)


def test_names_that_look_alike():
    for one, other in PAIRS:
        assert alike(one, other) and alike(other, one), (one, other)


def test_names_that_do_not():
    for one, other in APART:
        assert not alike(one, other) and not alike(other, one), (one, other)
    assert not alike("\u0301", "\u0302")  # of marks alone nothing is left
