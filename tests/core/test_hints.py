"""The advice on a rule that matches no stream."""

from dsoftbus.trust.hints import advice, heard_of

OWN = ("sensor/*", "lamp")


def test_a_rule_that_matches_something_is_not_spoken_of():
    for pattern in (
        "*",
        "share/*",
        "share/photo.jpg",
        "share/ph*",
        "sh*",
        "replace/x",
        "echo",
        "e*",
        "datagrams",
        "data*",
        "lamp",
        "sensor/1",
        "sensor/*",
        "sensor/a*",
        "sens*",
    ):
        assert advice(pattern, OWN) == "", pattern


def test_a_rule_that_matches_nothing_says_so_and_what_it_could_have_meant():
    for pattern, meant in (
        ("share", "`share/*`"),
        ("share/", "`share/*`"),
        ("Share/*", "`share/*`"),
        ("shares/*", "`share/*`"),
        ("shaer/x", "`share/*`"),
        ("replace", "`replace/*`"),
        ("file/*", "`share/*`"),
        ("files", "`share/*`"),
        ("fetch/x", "`share/*`"),
        ("Echo", "`echo`"),
        ("ehco", "`echo`"),
        ("echo/*", "`echo`"),
        ("datagram", "`datagrams`"),
        ("sensor", "`sensor/*`"),
        ("sensors/1", "`sensor/*`"),
        ("lamb", "`lamp`"),
        ("updates", "`update`"),
        ("logs/*", "`logs`"),
        ("console/run", "`console`"),
    ):
        text = advice(pattern, OWN)
        assert text.startswith("`%s` matches nothing" % pattern), text
        assert text.endswith("did you mean %s?" % meant), text


def test_the_names_of_calls_and_topics_are_meant_without_what_stands_before_them():
    own = ("call/light/set", "topic/heat")
    for pattern, meant in (
        ("light/set", "`call/light/set`"),
        ("light/*", "`call/light/set`"),
        ("call/lihgt/set", "`call/light/set`"),
        ("topic/light/set", "`call/light/set`"),
        ("heat", "`topic/heat`"),
        ("call/heat", "`topic/heat`"),
    ):
        assert advice(pattern, own).endswith("did you mean %s?" % meant), advice(pattern, own)
    for pattern in ("call/*", "call/light/set", "topic/*", "topic/heat", "call/dsoftbus/time"):
        assert advice(pattern, own) == "", pattern


def test_what_is_like_nothing_lists_what_there_is():
    for pattern in ("clock", "x", "tmp/*", "dsoftbus.pair"):
        text = advice(pattern, OWN)
        assert "did you mean" not in text, text
        known = "`console`, `datagrams`, `echo`, `lamp`, `logs`, "
        known += "`replace/*`, `sensor/*`, `share/*`, `update`"
        assert text.endswith("it knows " + known), text


def test_without_names_of_its_own_a_node_has_those_that_come_with_it():
    assert advice("sensor/1") != ""
    assert advice("share/x") == ""


def test_a_service_that_takes_every_name_leaves_nothing_to_say():
    assert heard_of("clock", ("*",)) and advice("clock", ("*",)) == ""
