"""Values of services in JSON: what one side says the other reads, and nothing else is taken."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_host.json_values import parsed, said
from hostile import is_harmless

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64 - 1),
    st.floats(allow_nan=False),
    st.binary(),
    st.text(),
    st.sampled_from(("$base64", "$float", "$map", "inf")),
)
KEYS = st.one_of(st.text(), st.integers(), st.sampled_from(("$base64", "$float", "$map")))
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20
)


@given(VALUES)
def test_a_value_comes_back_as_it_was(value):
    text = said(value)
    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text, parse_constant=pytest.fail) is not json
    back = parsed(text)
    assert back == value
    assert repr(back) == repr(value)  # a bool is no int, -0.0 no 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\0\xff", '{"$base64": "AP8="}'),
        (math.inf, '{"$float": "inf"}'),
        ({1: "on"}, '{"$map": [[1, "on"]]}'),
        ({"$base64": "x"}, '{"$map": [["$base64", "x"]]}'),
        ({"$base64": "x", "y": 1}, '{"$base64": "x", "y": 1}'),
        ("gr\u00fc\u00df", '"gr\\u00fc\\u00df"'),
    ],
)
def test_marks(value, text):
    assert said(value) == text
    assert parsed(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("on", "quotes"),
        ("", "quotes"),
        ("1 2", "column 3"),
        ("NaN", "NaN"),
        ("[-Infinity]", "Infinity"),
        ('{"a": 1, "a": 2}', "twice"),
        ('{"$map": [[1, 1], [1, 2]]}', "twice"),
        ('{"$map": [[true, 1]]}', "mark"),
        ('{"$map": [[1]]}', "mark"),
        ('{"$map": {"a": 1}}', "mark"),
        ('{"$base64": "?"}', "base64"),
        ('{"$base64": "\u00fc"}', "base64"),
        ('{"$base64": 1}', "mark"),
        ('{"$float": "nan"}', "mark"),
        ("[" * 100000, "deep"),
    ],
)
def test_what_is_no_value_is_refused_with_its_reason(text, reason):
    with pytest.raises(LocalError) as refused:
        parsed(text)
    assert refused.value.code == BAD_ARGUMENT
    assert reason in refused.value.detail


@given(st.text())
def test_any_text_gives_a_value_or_an_error(text):
    try:
        parsed(text)
    except LocalError as error:
        assert is_harmless(error.detail)
