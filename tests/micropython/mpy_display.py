"""Printed text of others: nothing acts on a terminal, nothing begins a line."""

from dsoftbus_mpy.base.display import shown, word
from support import NO_NAMES


def harmless(text: str) -> bool:
    return not any(
        char < " "
        or "\x7f" <= char <= "\x9f"
        or char == "\xad"
        or "\u200b" <= char <= "\u200f"
        or "\u2028" <= char <= "\u202e"
        or "\u2060" <= char <= "\u206f"
        for char in text
    )


def test_nothing_acts_on_a_terminal():
    for name in NO_NAMES + ("\x1b]52;c;ZXZpbA==\x07", "hub\nonline kq3v hub -"):
        assert harmless(shown(name)), repr(name)
        assert " " not in word(name) and harmless(word(name)), repr(name)
    assert shown("\x1b[8mhub") == "\\u001b[8mhub"
    assert shown("a\nb") == "a\\u000ab"
    assert shown("\u202ea") == "\\u202ea"


def test_text_of_any_script_is_shown_as_it_is():
    for name in ("hub", "two words", "K\xfcche", "\u0434\u043e\u043c", "[bold]"):
        assert shown(name) == name


def test_a_line_is_bounded():
    for char in ("a", "\x1b", "\u200b"):
        assert len(shown(char * 5000)) < 220
    assert shown("abcdef", 3) == "abc..."


def test_a_word_is_one_word():
    assert word("two words") == "two_words"
    assert word("") == "-"


def test_what_is_no_text_is_shown_too():
    assert shown(OSError(2)).startswith("[Errno 2]") or shown(OSError(2))
    assert shown(7) == "7"
