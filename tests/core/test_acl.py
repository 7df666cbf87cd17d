"""Access rules: deny by default, deny before allow, and the gate in front of every stream."""

from dsoftbus.const import DATA, EV_DENIED, EV_OPENED, RST, SMALL
from dsoftbus.errors import BAD_ARGUMENT, NOT_PAIRED, OUTSIDE_ACL, label
from dsoftbus.handshake.hello import own
from dsoftbus.identity import device_id
from dsoftbus.mux.frames import put_header, put_open
from dsoftbus.mux.keepalive import Keepalive
from dsoftbus.mux.mux import Mux
from dsoftbus.mux.stream import Stream
from dsoftbus.trust.acl import IN, OUT, PRIVILEGED, Acl, grant, rule
from dsoftbus.trust.store import Entry, TrustStore
from support import raises

KEY = b"\1" * 32
PEER = device_id(KEY)
STRANGER = device_id(b"\2" * 32)


def acl(*rules, grants=()):
    store = TrustStore(SMALL)
    store.add(Entry(KEY, "peer", [grant(text) for text in grants]))
    for text in rules:
        store.add_rule(rule(text))
    return Acl(store)


class Gate:
    """A mux's control, as far as no stream of the bus's own comes."""

    def __init__(self, gate):
        self.gate = gate


def mux(gate) -> Mux:
    """The responder's side, so that the peer's streams are odd."""
    made = Mux(False, SMALL, copy, Keepalive(0, 0))
    made.start(own(SMALL, ""))
    made.control = Gate(gate)
    return made


def copy(dst, at, src, start, n):
    dst[at : at + n] = memoryview(src)[start : start + n]


class Wanted(Stream):
    """It has as much of a stream as its OPEN shows."""

    def __init__(self, number, name):
        self.priority = 3
        self.kind = 0
        self.id = number
        self.name = name


def open_frame(number: int, name: str) -> bytes:
    out = bytearray(100)
    return bytes(out[: put_open(out, 0, Wanted(number, name), 0)])


def data_frame(number: int, payload: bytes) -> bytes:
    out = bytearray(8)
    put_header(out, 0, DATA, 0, len(payload), number)
    return bytes(out) + payload


def feed(to: Mux, frames: bytes) -> bytes:
    """Returns the answer of `to` to `frames`."""
    to.receive(frames, 0, len(frames), 0)
    out = bytearray(1000)
    return bytes(out[: to.fill(out, 0, len(out))])


def test_nothing_is_allowed_that_no_rule_allows():
    rules = acl()
    assert rules.check(PEER, IN, "echo") == OUTSIDE_ACL
    assert rules.check(PEER, OUT, "echo") == OUTSIDE_ACL
    assert rules.check(STRANGER, IN, "echo") == NOT_PAIRED


def test_rules_tell_peer_direction_and_name_apart():
    rules = acl("allow in %s echo" % PEER)
    assert rules.check(PEER, IN, "echo") == 0
    assert rules.check(PEER, OUT, "echo") == OUTSIDE_ACL
    assert rules.check(PEER, IN, "echo2") == OUTSIDE_ACL
    assert rules.check(STRANGER, IN, "echo") == NOT_PAIRED


def test_a_prefix_matches_what_begins_with_it():
    rules = acl(grants=("allow in sensor/*", "allow out *"))
    assert rules.allows(PEER, IN, "sensor/1")
    assert rules.allows(PEER, IN, "sensor/")
    assert not rules.allows(PEER, IN, "sensor")
    assert rules.allows(PEER, OUT, "anything")


def test_deny_outweighs_allow_wherever_it_stands():
    rules = acl("deny both paired secret/*", "allow in * *", grants=("allow both *", "deny in x"))
    assert rules.allows(PEER, IN, "echo")
    assert not rules.allows(PEER, IN, "x")
    assert not rules.allows(PEER, OUT, "secret/1")
    assert rules.allows(STRANGER, IN, "secret/1")  # was said of the paired ones alone
    assert rules.allows(STRANGER, IN, "x")


def test_deny_outweighs_allow_in_either_order_and_on_either_side():
    allow, deny = "allow in %s x", "deny in %s x"
    own = [allow % "*", deny % "*"]
    given = ["allow in x", "deny in x"]
    for rules in (
        acl(*own),
        acl(*own[::-1]),
        acl(allow % PEER, deny % "paired"),
        acl(allow % "paired", deny % PEER),
        acl(own[0], grants=given[1:]),
        acl(own[1], grants=given[:1]),
        acl(grants=given),
        acl(grants=given[::-1]),
        acl(own[0], own[1], own[0], grants=given[:1]),
    ):
        assert not rules.allows(PEER, IN, "x")
    assert acl(own[0]).allows(PEER, IN, "x") and acl(grants=given[:1]).allows(PEER, IN, "x")


def test_paired_and_anyone():
    rules = acl("allow in paired a", "allow in * b")
    assert rules.allows(PEER, IN, "a")
    assert not rules.allows(STRANGER, IN, "a")
    assert rules.allows(PEER, IN, "b")
    assert rules.allows(STRANGER, IN, "b")


def test_denials_are_counted_and_told():
    rules = acl()
    for n in range(40):
        rules.check(STRANGER, IN, "s%d" % n)
    rules.check(PEER, OUT, "s")
    assert rules.denied == {NOT_PAIRED: 40, OUTSIDE_ACL: 1}
    event = rules.next_event()
    assert (event.kind, event.peer, event.name) == (EV_DENIED, STRANGER, "s0")
    assert (event.code, event.about) == (NOT_PAIRED, IN)
    told = 1
    while rules.next_event():
        told += 1
    assert told == 16
    rules.check(PEER, OUT, "t")
    assert rules.next_event().name == "t"


def test_rules_read_as_they_are_written():
    for text in ("allow in * echo", "deny both paired a b*", "allow out %s *" % PEER):
        assert str(rule(text)) == text
    assert str(grant("deny out x")) == "deny out x"
    assert rule("allow in * a") == rule("allow in * a") != rule("allow in * b")
    for text in (
        "",
        "allow",
        "allow in echo",
        "allow in nobody echo",
        "permit in * echo",
        "allow up * echo",
        "allow in * a*b",
        "allow in * ",
        "allow in * " + "x" * 65,
    ):
        raises(BAD_ARGUMENT, rule, text)
    raises(BAD_ARGUMENT, grant, "allow in")


def test_reject_peer_outside_acl():
    rules = acl(grants=("allow in echo",))
    to = mux(lambda outgoing, name: rules.check(PEER, OUT if outgoing else IN, name))
    answer = feed(to, open_frame(1, "files") + data_frame(1, b"early"))
    assert answer[:9] == bytes((RST, 0, 0, 1, 0, 0, 0, 1, OUTSIDE_ACL))
    assert to.next_event() is None
    assert label(OUTSIDE_ACL) == "trust.reject.outside_acl"
    feed(to, open_frame(3, "echo"))
    assert to.next_event().kind == EV_OPENED
    raises(OUTSIDE_ACL, to.open, "echo", 3)
    assert rules.denied[OUTSIDE_ACL] == 2


def test_reject_stream_open_without_pairing():
    rules = acl()
    to = mux(lambda outgoing, name: rules.check(STRANGER, OUT if outgoing else IN, name))
    answer = feed(to, open_frame(1, "echo"))
    assert answer == bytes((RST, 0, 0, 1, 0, 0, 0, 1, NOT_PAIRED))
    assert to.next_event() is None
    assert label(NOT_PAIRED) == "trust.reject.not_paired"
    assert rules.denied[NOT_PAIRED] == 1


def test_a_refused_stream_leaves_the_session_whole():
    to = mux(lambda outgoing, name: 0 if name == "good" else OUTSIDE_ACL)
    feed(to, open_frame(1, "bad") + data_frame(1, b"x") + open_frame(3, "good"))
    stream = to.next_event().stream
    stream.accept()
    feed(to, data_frame(3, b"hello"))
    assert stream.recv(10) == b"hello"


def test_one_deny_outweighs_every_allow_in_any_order():
    texts = ("allow in %s echo", "deny in %s echo", "allow in * *", "allow both %s *")
    for first in range(4):
        for who in (PEER, "paired", "*"):
            own = [texts[(first + at) % 4].replace("%s", who) for at in range(4)]
            for grants in ((), ("allow both *",)):
                rules = acl(*own, grants=grants)
                assert not rules.allows(PEER, IN, "echo"), own
                assert rules.allows(PEER, IN, "other") and rules.allows(PEER, OUT, "echo"), own


def test_a_deny_among_the_grants_outweighs_the_nodes_own_rules():
    for grants in (("deny in echo", "allow in *"), ("allow in *", "deny in echo")):
        rules = acl("allow both * *", grants=grants)
        assert not rules.allows(PEER, IN, "echo") and rules.allows(PEER, IN, "other")


def test_a_stranger_is_welcome_where_something_is_left_to_it():
    for rules, welcome in (
        ((), False),
        (("allow in * echo",), True),
        (("allow out * echo",), True),
        (("allow in paired *",), False),
        (("allow in %s *" % PEER,), False),
        (("allow in %s *" % STRANGER,), True),
        (("allow in * echo", "deny both * *"), False),
        (("deny both * *", "allow in * echo"), False),
        (("allow in * echo", "deny in * echo"), False),
        (("allow in * echo", "deny in * echo", "allow in * other"), True),
        (("allow in * echo", "deny out * *"), True),
        (("allow both * echo", "deny in * *"), True),
        (("allow both * echo", "deny in * *", "deny out * ec*"), False),
        (("allow in * file/*", "deny in * file/secret"), True),
        (("allow in * file/*", "deny in * file*"), False),
        (("allow in * file/*", "deny in paired *"), True),
    ):
        assert acl(*rules).welcomes(STRANGER) == welcome, rules


def test_no_prefix_gives_a_privileged_right():
    for word in PRIVILEGED:
        for pattern in ("*", word[0] + "*", word[:-1] + "*", word + "*"):
            rules = acl("allow both * " + pattern, grants=("allow both " + pattern,))
            assert not rules.allows(PEER, IN, word), pattern
            assert rules.allows(PEER, OUT, word) and rules.allows(PEER, IN, word + "s")


def test_the_word_itself_gives_a_privileged_right():
    for word in PRIVILEGED:
        for direction in ("in", "both"):
            assert acl(grants=("allow %s %s" % (direction, word),)).allows(PEER, IN, word)
            assert acl("allow %s %s %s" % (direction, PEER, word)).allows(PEER, IN, word)
        assert not acl(grants=("allow out " + word,)).allows(PEER, IN, word)
        others = [other for other in PRIVILEGED if other != word]
        assert not any(acl(grants=("allow in " + word,)).allows(PEER, IN, o) for o in others)


def test_a_deny_takes_a_privileged_right_away_by_any_pattern():
    for word in PRIVILEGED:
        for pattern in ("*", word[0] + "*", word + "*", word):
            assert not acl("deny in paired " + pattern, grants=("allow both " + word,)).allows(
                PEER, IN, word
            )
