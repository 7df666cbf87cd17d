"""Text of others as it is shown: nothing acts on a terminal, hides, or begins a line."""

import io
import json
import logging
import unicodedata

import pytest
from rich.table import Table

from dsoftbus.errors import MALFORMED, PeerError
from dsoftbus_host import display
from dsoftbus_host.cli.terminal.screen import Screen, cell
from dsoftbus_host.display import LINE_MAX, lines, shown
from hostile import NAMES, is_harmless


@pytest.mark.parametrize("name", NAMES)
def test_nothing_acts_on_a_terminal(name):
    text = shown(name)
    assert is_harmless(text)
    assert "\n" not in text
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for c in text)
    assert shown(text) == text


def test_what_is_there_is_seen():
    assert shown("\x1b[8mhub") == "\\u001b[8mhub"
    assert shown("a\nb\rc\td") == "a\\u000ab\\u000dc\\u0009d"
    assert shown("\u202egnp.exe") == "\\u202egnp.exe"
    assert shown("\U000e0041") == "\\U000e0041"
    assert shown("\udcff") == "\\udcff"
    assert shown("\u3164") == "\\u3164"


@pytest.mark.parametrize(
    "name", ["hub", "Grüße", "山田\u3000太郎", "дом", "דלת", "e\u0301", "[bold]", "C:\\x"]
)
def test_names_of_any_script_are_shown_as_they_are(name):
    assert shown(name) == name


def test_a_line_is_bounded_however_it_was_made_long():
    for char in ("a", "\u0301", "\x1b", "\U000e0041", "\u200b"):
        text = shown(char * 10_000)
        assert len(text) <= LINE_MAX + 1
        assert text.endswith("…")
        assert shown(char * 100, 10)[:-1] in text
    assert shown("a" * LINE_MAX) == "a" * LINE_MAX


def test_few_marks_stand_on_one_letter():
    text = shown("e" + "\u0301" * 50)
    assert text.count("\u0301") == 3
    assert "\\u0301" in text


def test_lines_of_others_do_not_look_like_ours():
    assert lines("first\nstored evil from me\r\n\nlast") == [
        "first",
        "  stored evil from me\\u000d",
        "  last",
    ]


@pytest.fixture
def screen():
    return Screen(file=io.StringIO(), width=60)


@pytest.mark.parametrize("name", NAMES)
def test_a_screen_takes_a_str_for_one_line(screen, name):
    screen.print(f"paired with {name} (kq3v)")
    text = screen.file.getvalue()
    assert text == shown(f"paired with {name} (kq3v)") + "\n"
    assert is_harmless(text)


def test_a_screen_takes_no_markup_and_no_emoji(screen):
    for text in ("[bold]x[/bold]", "[red", "[/nothing]", ":skull:", "[link=https://x]y[/link]"):
        screen.print(text)
    assert screen.file.getvalue().splitlines() == [
        *("[bold]x[/bold]", "[red", "[/nothing]", ":skull:", "[link=https://x]y[/link]"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_cells_of_a_table_stay_in_it(screen, name):
    table = Table("name", "id", box=None)
    table.add_row(cell(name), cell(["kq3v", name]))
    table.add_row(cell("[bold]"), "x")
    screen.print(table)
    text = screen.file.getvalue()
    assert is_harmless(text)
    assert "[bold]" in text


@pytest.mark.parametrize("name", NAMES)
def test_what_is_laid_out_without_a_cell_does_not_act_either(screen, name):
    table = Table("name", box=None)
    table.add_row(name.replace("[", "("))
    screen.print(table)
    screen.print_json(data={"name": name.encode(errors="replace").decode()})
    assert is_harmless(screen.file.getvalue())


def test_json_stays_json(screen):
    value = {"name": "a\x9b\u202e\n\x1b[8m", "wifi": ["home", "***"]}
    screen.print_json(data=value)
    assert is_harmless(screen.file.getvalue())
    assert json.loads(screen.file.getvalue()) == value


# Logs


@pytest.fixture
def logged():
    """Returns the output of a program's own log handler."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log = display.log()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield out
    log.removeHandler(handler)
    log.setLevel(level)


@pytest.mark.parametrize("name", NAMES)
def test_no_name_forges_a_line_of_a_log(logged, name):
    display.log().warning("%s:%d over tcp: %s", name, 7, PeerError(MALFORMED, name))
    text = logged.getvalue()
    assert text.startswith("WARNING ")
    assert text.count("\n") == 1
    assert is_harmless(text)


@pytest.mark.parametrize("name", NAMES)
def test_no_exception_forges_a_line_of_a_log(logged, name):
    try:
        raise PeerError(MALFORMED, name)
    except PeerError:
        display.log().exception("session with %s", name)
    first, *rest = logged.getvalue().splitlines()
    assert first.startswith("ERROR session with ")
    assert all(line.startswith("  ") for line in rest)
    assert "PeerError" in rest[-1] or name.count("\n")
    assert is_harmless(logged.getvalue())


def test_numbers_of_a_record_stay_numbers(logged):
    display.log().warning("lacks suite %d, %5.1f, %s", 3, 2.5, None)
    assert logged.getvalue() == "WARNING lacks suite 3,   2.5, None\n"
