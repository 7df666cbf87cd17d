"""Names: what shows as it is, and what a terminal or a file system takes for something else."""

from dsoftbus.base import file_names, names

PLAIN = (
    "",
    "hub",
    "a b",
    "Grüße",
    "山田　太郎",
    "дом",
    "דלת",
    "باب",
    "e\u0301",
    "\U0001f3e0",
    "\u2764\ufe0f",
)
CONTROLS = (
    "\x00",
    "\x07",
    "\t",
    "\n",
    "\r",
    "\x1b",
    "\x1f",
    "\x7f",
    "\x80",
    "\x85",
    "\x9b",
    "\x9f",
)
FORMATS = (
    "\xad",
    "\u0600",
    "\u061c",
    "\u06dd",
    "\u070f",
    "\u0890",
    "\u08e2",
    "\u180e",
    "\u200b",
    "\u200d",
    "\u200e",
    "\u200f",
    "\u202a",
    "\u202e",
    "\u2060",
    "\u2066",
    "\u2069",
    "\ufeff",
    "\ufff9",
    "\U000110bd",
    "\U00013430",
    "\U0001bca0",
    "\U0001d173",
    "\U000e0001",
    "\U000e0041",
    "\U000e007f",
)
OTHERS = (
    "\u2028",
    "\u2029",
    "\ue000",
    "\uf8ff",
    "\ufdd0",
    "\uffff",
    "\U0001fffe",
    "\U000f0000",
    "\U0010fffd",
)
SPACES = (" ", "\xa0", "\u1680", "\u2000", "\u200a", "\u202f", "\u205f", "\u3000")


def test_text_of_any_script_is_a_name():
    for name in PLAIN:
        assert names.allowed(name), repr(name)


def test_what_would_not_show_is_no_name():
    for char in CONTROLS + FORMATS + OTHERS:
        for name in (char, "a" + char, char + "a", "a" + char + "b"):
            assert not names.allowed(name), repr(name)


def test_a_name_has_no_space_at_either_end():
    for space in SPACES:
        assert names.allowed("a" + space + "b"), repr(space)
        for name in (space, space + "a", "a" + space):
            assert not names.allowed(name), repr(name)


def test_file_names():
    for name in (
        "a",
        "file.bin",
        "two words",
        "x" * 240,
        "\u00fcber",
        "a.b.c",
        "nul1",
        "com",
        "com10",
        "console",
    ):
        assert file_names.allowed(name), name
    for name in (
        "",
        ".",
        "..",
        ".hidden",
        "a/b",
        "a\\b",
        "a\nb",
        "a\x00",
        "x" * 241,
        "\u00fc" * 121,
    ):
        assert not file_names.allowed(name), name


def test_names_that_some_file_system_takes_for_another_one():
    for name in ("key.", "key ", "key. .", "C:key", "key:", "key::$DATA", "key:stream"):
        assert not file_names.allowed(name), name
    for name in (
        "NUL",
        "nul.txt",
        "Con",
        "aux .x",
        "COM1",
        "lpt9.tar.gz",
        "com\xb9",
        "CONIN$",
        "PRN",
    ):
        assert not file_names.allowed(name), name


def test_names_fold_as_file_systems_do():
    for name in ("KEY", "key", "Key.", "key . .", "key::$DATA", "KEY:x"):
        assert file_names.folded(name) == "key", name
    assert file_names.folded("key.next") != "key"
