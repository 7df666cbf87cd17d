"""Names of topics, and filters."""

from dsoftbus.service.filters import NAME_MAX, is_filter, is_topic, matches


def test_names_of_topics():
    for name in ("a", "a/b", "kitchen/temp 2", "x" * NAME_MAX, "\u00fc/\u4e2d"):
        assert is_topic(name) and is_filter(name), name
    hostile = ("", "/", "a/", "/a", "a//b", "x" * (NAME_MAX + 1), "a\n", "a\0", " a", "\u202e", 7)
    for name in hostile + ("\u4e2d" * 20, None, b"a", "+", "#", "a+", "a/#"):
        assert not is_topic(name), name
    for text in hostile:
        assert not is_filter(text), text


def test_filters():
    for text in ("#", "+", "+/+", "a/+", "+/b/#", "a/#"):
        assert is_filter(text), text
    for text in ("a+", "#/a", "a#", "++", "a/##", "+a/b", "a/#/b"):
        assert not is_filter(text), text
    yes = ("a a", "+ a", "# a", "# a/b/c", "a/# a", "a/# a/b/c", "+/b a/b", "a/+/c a/b/c")
    for pair in yes:
        assert matches(*pair.split(" ")), pair
    for pair in ("a b", "+ a/b", "a/# b", "a/# ab", "+/b a/c", "a/+ a", "a/+ a/b/c", "a/b a"):
        assert not matches(*pair.split(" ")), pair


def test_what_is_the_bus_s_own_has_to_be_asked_for():
    for text in ("#", "+/offers", "+/#"):
        assert not matches(text, "dsoftbus/offers")
    for text in ("dsoftbus/offers", "dsoftbus/+", "dsoftbus/#"):
        assert matches(text, "dsoftbus/offers")
