"""Names of shared files, and the patterns that match them."""

from dsoftbus.base.file_names import PARTS_MAX, allowed_path
from dsoftbus.share.names import (
    is_part,
    is_pattern,
    is_wide,
    leads,
    matches,
    part_name,
)

PEER = "abcdefgh234567abcdefgh2345"


def test_names_lead_through_folders():
    for name in ("a", "photos/a.jpg", "x" * 240, "/".join("abcdefgh"), "a b/\u00fc"):
        assert allowed_path(name), name
    for name in (
        "",
        "/a",
        "a/",
        "a//b",
        "../a",
        "a/../b",
        "./a",
        ".a",
        "a/.b",
        "a/nul",
        "c:/a",
        "a\\b",
        "a\0",
        "/".join("a" * (PARTS_MAX + 1)),
        "x" * 241,
        "/".join(["x" * 127, "y" * 128]),
        "/".join(["\u00fc" * 100, "y" * 55]),
    ):
        assert not allowed_path(name), name
    assert allowed_path("/".join(["x" * 127, "y" * 127]))


def test_patterns():
    for text in ("", "a", "*", "**", "a/**", "**/a", "a/**/b?c*", "photos/*.jpg", "?"):
        assert is_pattern(text), text
    for text in ("/", "/*", "*/", "a//b", "../*", "a/../*", ".*", "\x1b*", "**" + "/a" * 8):
        assert not is_pattern(text), text
    assert is_wide("a/*") and is_wide("?") and not is_wide("a/b")


MATCHES = (
    ("", "a a/b"),
    ("a", "a a/b a/b/c"),
    ("a/b", "a/b a/b/c"),
    ("*", "a ab"),
    ("**", "a a/b a/b/c"),
    ("a/*", "a/b a/bc"),
    ("a/**", "a/b a/b/c"),
    ("**/c", "c a/c a/b/c"),
    ("a/**/c", "a/c a/b/c a/b/d/c"),
    ("*.jpg", "x.jpg .jpg"),
    ("a?c", "abc"),
    ("a*b*c", "abc abbc axbyc"),
    ("*a", "a ba aa"),
    ("**/*.py", "x.py a/x.py a/b/y.py"),
    ("a*/**/d?", "a/d1 ab/c/d2"),
)
MATCHES_NOT = (
    ("a", "b ab b/a"),
    ("a/b", "a a/bc"),
    ("*", "a/b"),
    ("a/*", "a b/c a/b/c"),
    ("a/**", "b ab/c"),
    ("**/c", "a/b cc a/cc"),
    ("a/**/c", "a b/c a/b"),
    ("*.jpg", "x.jpeg x.jpg.txt a/x.jpg"),
    ("a?c", "ac abbc"),
    ("a*b*c", "ac acb"),
    ("?", "ab"),
)


def test_what_matches():
    for text, names in MATCHES:
        for name in names.split():
            assert matches(text, name), (text, name)
    for text, names in MATCHES_NOT:
        for name in names.split():
            assert not matches(text, name), (text, name)


def test_a_walk_leaves_out_no_folder_in_which_something_matches():
    for text, names in MATCHES:
        for name in names.split():
            parts = name.split("/")
            for i in range(1, len(parts)):
                assert leads(text, "/".join(parts[:i])), (text, name)
    for text, folder in (("a", "b"), ("a/b", "c"), ("*", "a"), ("a/*", "b"), ("a/*", "a/b")):
        assert not leads(text, folder), (text, folder)
    assert not leads("*/b/*", "a/c")
    assert not leads("a*/**", "b")


def test_a_hostile_pattern_costs_little():
    assert not matches("*a" * 100 + "b", "a" * 240)
    assert not matches("/".join(["**", "a"] * 4), "/".join("a" * 7 + "b"))
    assert matches("*a" * 100, "a" * 240)


def test_partial_files_have_names_of_their_own():
    assert part_name("a.txt", PEER) == ".a.txt.abcdefgh.part"
    assert part_name("b/a.txt", PEER) == "b/.a.txt.abcdefgh.part"
    longest = part_name("x" * 240, PEER)
    assert len(longest) == 255 and is_part(longest)
    assert is_part(".a.txt.abcdefgh.part")
    for name in ("a.txt.abcdefgh.part", ".part", ".a.part", ".a.txt.abcdefgh.par", ".key"):
        assert not is_part(name), name
    assert not allowed_path(part_name("a.txt", PEER))  # so no peer reads or writes one by its name
