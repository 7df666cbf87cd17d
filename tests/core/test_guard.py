"""Trust in whole nodes: strangers, pairing, grants, revocation, tokens and the move of a key."""

from dsoftbus.const import (
    CALLS_STREAM,
    EV_CLOSED,
    EV_DENIED,
    EV_ESTABLISHED,
    EV_NAME_WARNING,
    EV_OPENED,
    EV_PAIR_DIGITS,
    EV_PAIR_FAILED,
    EV_PAIRED,
    EV_RESET,
    EV_UNPAIRED,
    EV_WRITABLE,
    KEYS_STREAM,
    KIND_MESSAGES,
    PAIR_STREAM,
    SMALL,
    TINY,
    TOPICS_STREAM,
)
from dsoftbus.discovery.announce import Announcement
from dsoftbus.errors import (
    BAD_STATE,
    NO_SUCH_SERVICE,
    NOT_PAIRED,
    OUTSIDE_ACL,
    PAIRING_CLOSED,
    PAIRING_LIMIT,
    PAIRING_TIMEOUT,
    STREAM_CANCELLED,
    STREAM_KIND_MISMATCH,
    TRUST_REVOKED,
    WRONG_CODE,
)
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.invitation import psk
from dsoftbus.trust.store_text import decode
from support import raises
from trusting import Pair, all_events, digits, node, paired, told

TOKEN = psk(b"t" * 16)


def test_a_stranger_has_no_session_while_the_desk_is_closed():
    a, b = node(1, "a"), node(2, "b")
    both = Pair(a, b)
    assert not both.seen(1, EV_ESTABLISHED)
    assert both.seen(1, EV_CLOSED)
    assert (both.ends[1].cause, both.ends[0].peer_code) == (NOT_PAIRED, NOT_PAIRED)
    assert told(b) == [EV_DENIED]
    assert b.guard.acl.denied == {NOT_PAIRED: 1}


def test_reject_stream_open_without_pairing():
    a, b = node(1, "a"), node(2, "b")
    b.guard.desk.open(0)
    a.guard.store.add_rule(rule("allow out * *"))
    both = Pair(a, b)
    stream = both.ends[0].open("echo")
    stream.send(b"early")
    both.run()
    assert not both.seen(1, EV_OPENED)
    assert both.seen(0, EV_RESET)
    assert stream.code == NOT_PAIRED
    assert not both.ends[0].closed
    assert [(e.kind, e.peer, e.name) for e in all_events(b)] == [(EV_DENIED, a.id, "echo")]


def test_a_stranger_is_not_given_anything_either():
    a, b = node(1, "a"), node(2, "b")
    b.guard.desk.open(0)
    both = Pair(a, b)
    raises(NOT_PAIRED, both.ends[0].open, "echo")


def test_programs_cannot_open_the_streams_of_the_bus():
    both = paired(node(1, "a"), node(2, "b"))
    raises(OUTSIDE_ACL, both.ends[0].open, PAIR_STREAM)
    raises(OUTSIDE_ACL, both.ends[0].open, "dsoftbus.other")


def test_two_strangers_pair_and_have_what_was_granted():
    a, b = node(1, "a"), node(2, "b", ("allow in sensor/*",))
    both = paired(a, b)
    entry = b.guard.store.get(a.id)
    assert (entry.name, entry.public, entry.paired_at) == ("a", a.public, 1700000000)
    good = both.ends[0].open("sensor/1")
    bad = both.ends[0].open("files")
    both.run()
    assert both.stream(1).name == "sensor/1"
    assert (good.code, bad.code) == (0, OUTSIDE_ACL)
    raises(OUTSIDE_ACL, both.ends[1].open, "sensor/1")  # b granted nothing to itself


def test_who_has_paired_comes_back_without():
    a, b = node(1, "a"), node(2, "b")
    paired(a, b)
    text = b.guard.store.encode()
    b = node(2, "b")
    b.guard.store = decode(text, SMALL)
    b.guard.acl._store = b.guard.store
    both = Pair(a, b)
    both.ends[0].open("echo")
    both.run()
    assert both.stream(1).name == "echo"


def test_reject_pair_accept_with_wrong_code():
    a, b = node(1, "a"), node(2, "b")
    b.guard.desk.open(0)
    both = Pair(a, b)
    a.guard.pair(both.ends[0], 0)
    both.run()
    shown = digits(a)
    raises(WRONG_CODE, a.guard.confirm, "%06d" % ((int(shown) + 1) % 10**6))
    assert a.guard.pending_session() is both.ends[0]
    both.run()
    assert [e.code for e in all_events(a)] == [WRONG_CODE]
    assert [e.code for e in all_events(b) if e.kind == EV_PAIR_FAILED] == [WRONG_CODE]
    assert a.guard.store.get(b.id) is None
    assert b.guard.store.get(a.id) is None
    raises(BAD_STATE, a.guard.confirm, shown)


def test_one_side_alone_is_not_enough():
    a, b = node(1, "a"), node(2, "b")
    b.guard.desk.open(0)
    both = Pair(a, b)
    a.guard.pair(both.ends[0], 0)
    both.run()
    a.guard.confirm(digits(a))
    both.run()
    assert a.guard.store.get(b.id) is None
    b.guard.cancel()
    both.run()
    assert told(a) == [EV_PAIR_FAILED]
    assert told(b) == [EV_PAIR_DIGITS, EV_PAIR_FAILED]
    assert len(a.guard.store) == len(b.guard.store) == 0


def test_a_closed_desk_refuses_the_pairing_stream():
    a, b = node(1, "a"), node(2, "b")
    b.guard.store.add_rule(rule("allow in * echo"))
    both = Pair(a, b)
    a.guard.pair(both.ends[0], 0)
    both.run()
    assert [e.code for e in all_events(a)] == [PAIRING_CLOSED]
    assert b.guard.acl.denied == {PAIRING_CLOSED: 1}
    both.ends[0].close(0)


def test_an_explicit_rule_opens_a_stream_to_everyone():
    a, b = node(1, "a"), node(2, "b")
    a.guard.store.add_rule(rule("allow out * *"))
    b.guard.store.add_rule(rule("allow in * echo"))
    both = Pair(a, b)
    both.ends[0].open("echo")
    bad = both.ends[0].open("files")
    both.run()
    assert both.stream(1).name == "echo"
    assert bad.code == NOT_PAIRED


def test_both_may_ask_at_once():
    a, b = node(1, "a"), node(2, "b")
    b.guard.desk.open(0)
    both = Pair(a, b)
    a.guard.pair(both.ends[0], 0)
    b.guard.pair(both.ends[1], 0)
    both.run()
    shown = digits(a)
    assert digits(b) == shown
    a.guard.confirm(shown)
    b.guard.confirm(shown)
    both.run()
    assert a.guard.store.get(b.id) and b.guard.store.get(a.id)


def test_the_end_of_the_session_ends_the_pairing():
    a, b = node(1, "a"), node(2, "b")
    b.guard.desk.open(0)
    both = Pair(a, b)
    a.guard.pair(both.ends[0], 0)
    both.run()
    for at, end in zip(both.nodes, both.ends):
        end.link_lost()
        at.forget(end)
    assert told(a) == [EV_PAIR_DIGITS, EV_PAIR_FAILED]
    assert told(b) == [EV_PAIR_DIGITS, EV_PAIR_FAILED]
    assert b.guard.desk.refusal(1) == 0
    raises(BAD_STATE, a.guard.confirm, "000000")


def test_a_pairing_that_nobody_answers_times_out():
    a, b = node(1, "a"), node(2, "b")
    b.guard.desk.open(0)
    both = Pair(a, b)
    a.guard.pair(both.ends[0], 0)
    both.run()
    controls = [end.mux.control for end in both.ends]
    assert [control.poll_timer() for control in controls] == [120000, 120000]
    for both.now in (119999, 120000):
        assert not [e for e in all_events(a) if e.kind == EV_PAIR_FAILED]
        both.ends[1].keepalive.heard = both.now
        both.ends[1].handle_timer(both.now)
        both.run()
    assert [e.code for e in all_events(a) if e.kind == EV_PAIR_FAILED] == [PAIRING_TIMEOUT]


def test_without_trust_nobody_opens_a_stream_of_the_bus():
    a, b = node(1, "a"), node(2, "b")
    b.guard.desk.open(0)
    both = Pair(a, b)
    for end in both.ends:
        end.mux.control = None
    odd = [both.ends[0].mux.open(name, 3) for name in (PAIR_STREAM, KEYS_STREAM, "dsoftbus.x")]
    both.run()
    assert [stream.code for stream in odd] == [NO_SUCH_SERVICE] * 3
    assert not both.seen(1, EV_OPENED)


def test_an_odd_pairing_stream_is_reset():
    a, b = node(1, "a"), node(2, "b")
    b.guard.desk.open(0)
    both = Pair(a, b)
    mux = both.ends[0].mux
    mux.control = None  # this a follows no rules
    odd = mux.open(PAIR_STREAM, 3)
    other = mux.open("dsoftbus.what", 3, KIND_MESSAGES)
    both.run()
    assert (odd.code, other.code) == (STREAM_KIND_MISMATCH, NO_SUCH_SERVICE)
    rude = mux.open(PAIR_STREAM, 3, KIND_MESSAGES)
    both.run()
    rude.send_message(b"\7 what")
    both.run()
    assert EV_PAIR_FAILED in told(b)
    assert not both.ends[1].closed


def test_a_second_peer_waits_for_the_first_to_pair():
    a, b, c = node(1, "a"), node(2, "b"), node(3, "c")
    b.guard.desk.open(0)
    first, second = Pair(a, b), Pair(c, b)
    a.guard.pair(first.ends[0], 0)
    first.run()
    c.guard.pair(second.ends[0], 0)
    second.run()
    assert [e.code for e in all_events(c)] == [PAIRING_LIMIT]
    b.guard.confirm(digits(b))
    a.guard.confirm(digits(a))
    first.run()
    assert b.guard.store.get(a.id)


def test_unpairing_ends_live_sessions_at_once():
    a, b = node(1, "a"), node(2, "b")
    both = paired(a, b)
    stream = both.ends[0].open("echo")
    both.run()
    assert b.unpair(a.id)
    assert both.ends[1].closed
    assert both.ends[1].cause == TRUST_REVOKED
    assert b.guard.pending_session() is both.ends[1]
    both.run()
    assert (both.ends[0].closed, both.ends[0].peer_code) == (True, TRUST_REVOKED)
    assert stream.code
    assert told(b) == [EV_UNPAIRED]
    assert not b.unpair(a.id)
    assert Pair(a, b).ends[1].cause == NOT_PAIRED


def test_a_new_rule_takes_effect_on_live_streams():
    a, b = node(1, "a"), node(2, "b")
    both = paired(a, b)
    kept, lost = both.ends[0].open("echo"), both.ends[0].open("files")
    both.run()
    b.guard.store.add_rule(rule("deny in %s files" % a.id))
    b.guard.recheck()
    assert b.guard.pending_session() is both.ends[1]
    both.run()
    assert (kept.code, lost.code) == (0, OUTSIDE_ACL)


def test_streams_of_services_outlive_new_rules_and_their_drivers_look_again():
    a, b = node(1, "a"), node(2, "b", ("allow in call/*", "allow in echo"))
    both = paired(a, b)
    kept = [both.ends[0].open(name, 3, KIND_MESSAGES) for name in (CALLS_STREAM, TOPICS_STREAM)]
    both.run()
    for number in (1, 2):
        b.guard.store.add_rule(rule("deny in * other%d" % number))
        b.guard.recheck()
        assert b.guard.pending_session() is both.ends[1]
        both.run()
        assert [stream.code for stream in kept] == [0, 0]
        kinds = [event.kind for event in both.events[1]]
        assert kinds.count(EV_WRITABLE) == 2 * number


def test_a_token_pairs_both_without_digits():
    a, b = node(1, "a"), node(2, "b")
    b.local.invite_psk = TOKEN
    both = Pair(a, b, psk=TOKEN)
    assert both.seen(1, EV_ESTABLISHED)
    assert told(a) == [EV_PAIRED]
    assert told(b) == [EV_PAIRED]
    both.ends[0].open("echo")
    both.run()
    assert both.stream(1).name == "echo"
    again = Pair(a, b)  # from now on without
    assert again.seen(0, EV_ESTABLISHED)
    assert again.seen(1, EV_ESTABLISHED)


def test_a_wrong_token_pairs_nobody():
    a, b = node(1, "a"), node(2, "b")
    b.local.invite_psk = TOKEN
    both = Pair(a, b, psk=psk(b"x" * 16))
    assert both.ends[1].closed
    assert len(a.guard.store) == len(b.guard.store) == 0
    a.forget(both.ends[0])
    assert told(a) == [EV_PAIR_FAILED]  # though its own part of the handshake went well
    c = node(3, "c")
    both = Pair(a, c, psk=TOKEN)  # has no token at all
    assert both.ends[1].closed


def test_a_known_name_with_a_new_key_is_a_warning():
    a, b, other = node(1, "a"), node(2, "b"), node(3, "a")
    paired(a, b)
    b.guard.desk.open(0)
    Pair(other, b)
    (event,) = all_events(b)
    assert (event.kind, event.peer, event.name) == (EV_NAME_WARNING, other.id, "a")
    assert b.guard.store.get(other.id) is None


def test_a_name_that_looks_like_a_known_one_is_a_warning():
    for name in ("HUB", "h\u03c5b", "\u04bbub", "\uff48ub", "hu\u044c"):
        a, b, other = node(1, "hub"), node(2, "b"), node(3, name)
        paired(a, b)
        b.guard.desk.open(0)
        Pair(other, b)
        (event,) = all_events(b)
        assert (event.kind, event.peer, event.name) == (EV_NAME_WARNING, other.id, name)
        assert (event.about.id, event.about.name) == (a.id, "hub")


def test_a_backend_may_know_better_what_looks_alike():
    a, b, other = node(1, "hub"), node(2, "b"), node(3, "hob")
    paired(a, b)
    b.guard.alike = lambda known, name: (known, name) == ("hub", "hob")
    b.guard.desk.open(0)
    Pair(other, b)
    assert told(b) == [EV_NAME_WARNING]


def test_names_that_do_not_look_alike_and_none_are_no_warning():
    for name in ("hub2", "hab", "", "b"):
        a, b, other = node(1, "hub"), node(2, "b"), node(3, name)
        paired(a, b)
        b.guard.desk.open(0)
        Pair(other, b)
        assert told(b) == []


def test_a_full_store_pairs_nobody_else():
    b = node(9, "b", profile=TINY)
    b.local.invite_psk = TOKEN
    for n in range(1, TINY.trusted + 2):
        told(b)
        b.forget(Pair(node(n, "a%d" % n), b, psk=TOKEN).ends[1])
    assert told(b) == [EV_PAIR_FAILED]
    assert len(b.guard.store) == TINY.trusted


def test_after_an_unpairing_nothing_old_comes_back():
    a, b = node(1, "a"), node(2, "b", ("allow in echo",))
    both = paired(a, b)
    b.guard.store.get(a.id).grants.append(grant("allow in files"))
    b.guard.store.add_rule(rule("allow in %s files" % a.id))
    stream = both.ends[0].open("files")
    both.run()
    assert not stream.code
    b.unpair(a.id)
    both.run()
    assert Pair(a, b).ends[1].cause == NOT_PAIRED
    told(b)
    a.unpair(b.id)
    told(a)
    both = paired(a, b)
    kept, lost = both.ends[0].open("echo"), both.ends[0].open("files")
    both.run()
    assert (kept.code, lost.code) == (0, OUTSIDE_ACL)
    assert [str(g) for g in b.guard.store.get(a.id).grants] == ["allow in echo"]


def test_pairing_again_keeps_what_was_granted_and_what_was_announced():
    a, b = node(1, "a"), node(2, "b", ("allow in *",))
    paired(a, b)
    entry = b.guard.store.get(a.id)
    entry.grants = [grant("allow in echo")]  # as the owner narrowed it
    entry.next_public, entry.next_for_s = b"n" * 32, 500
    renamed = node(1, "attic")
    renamed.guard.store = a.guard.store
    paired(renamed, b)
    entry = b.guard.store.get(a.id)
    assert [str(g) for g in entry.grants] == ["allow in echo"]
    assert (entry.name, entry.next_public) == ("attic", b"n" * 32)
    assert len(b.guard.store) == 1


def test_of_several_rules_of_the_node_one_that_denies_decides_wherever_it_stands():
    a, b = node(1, "a"), node(2, "b", ())
    both = paired(a, b)
    texts = ["allow in %s x" % a.id, "allow in paired x", "allow in * x", "deny in %s x" % a.id]
    for at in range(len(texts)):
        b.guard.store.rules = [rule(text) for text in texts[at:] + texts[:at]]
        refused = both.ends[0].open("x")
        both.run()
        assert refused.code == OUTSIDE_ACL
    b.guard.store.rules.remove(rule(texts[3]))
    allowed = both.ends[0].open("x")
    both.run()
    assert allowed.code == 0


def test_sessions_that_have_gone_are_forgotten():
    a, b = node(1, "a"), node(2, "b")
    b.discover()
    both = paired(a, b)
    assert b.peers.get(a.id).connected == 1
    both.ends[1].link_lost()
    b.forget(both.ends[1])
    b.forget(both.ends[1])
    assert b.peers.get(a.id).connected == 0
    raises(BAD_STATE, b.guard.pair, both.ends[1], 0)
    b.unpair(a.id)
    assert not b.peers.get(a.id).known


def test_who_is_trusted_is_known_to_discovery():
    a, b = node(1, "a"), node(2, "b")
    paired(a, b)
    peers = b.discover()
    assert b.discover() is peers
    for said, known in ((Announcement(a.id, a.public), True), (stranger(), False)):
        peer, _ = peers.receive_datagram(said.encode(), ("192.0.2.1", 1), 0)
        assert peer.known == known


def stranger() -> Announcement:
    return Announcement(device_id(bytes(32)), bytes(32))


def test_the_code_of_a_lost_stream_is_why_the_pairing_failed():
    a, b = node(1, "a"), node(2, "b")
    b.guard.desk.open(0)
    both = Pair(a, b)
    both.ends[1].mux.control = None  # this b knows nothing of pairing, nor of its gate
    both.ends[1].mux._gate = lambda outgoing, name: 0
    a.guard.pair(both.ends[0], 0)
    both.run()
    both.stream(1).reset()
    both.run()
    (failed,) = all_events(a)
    assert (failed.kind, failed.code) == (EV_PAIR_FAILED, STREAM_CANCELLED)


def agree(a, b, *sessions) -> None:
    """Both show the same digits, agree, and trust each other."""
    shown = digits(a)
    assert digits(b) == shown
    for at in (a, b):
        at.guard.confirm(shown)
    for _ in range(2):
        for both in sessions:
            both.run()
    assert told(a) == told(b) == [EV_PAIRED]


def test_two_that_ask_at_once_in_two_sessions_meet_in_that_of_the_smaller_hash():
    stood = set()
    for seed in range(2, 12):
        for ask in ((0, 1), (1, 0)):
            a, b = node(1, "a"), node(seed, "b")
            for at in (a, b):
                at.guard.desk.open(0)
            sessions = Pair(a, b), Pair(b, a)
            for at, both in zip((a, b), sessions):
                at.guard.pair(both.ends[0], 0)
            for n in ask + ask + ask:
                sessions[n].run()
            hashes = [bytes(both.ends[0].handshake_hash) for both in sessions]
            attempts = [at.guard.under_way().session for at in (a, b)]
            first = hashes[0] < hashes[1]
            winner = sessions[0] if first else sessions[1]
            assert attempts == list(winner.ends if first else reversed(winner.ends))
            stood.add(first)
            agree(a, b, *sessions)
    assert stood == {True, False}


def test_an_attempt_with_another_does_not_give_way():
    a, b, c = node(1, "a"), node(2, "b"), node(3, "c")
    for at in (a, b, c):
        at.guard.desk.open(0)
    own, others = Pair(a, b), Pair(c, a)
    a.guard.pair(own.ends[0], 0)
    c.guard.pair(others.ends[0], 0)
    others.run()
    assert [event.code for event in all_events(c)] == [PAIRING_LIMIT]
    own.run()
    agree(a, b, own)


def test_an_attempt_that_shows_digits_does_not_give_way():
    a, b = node(1, "a"), node(2, "b")
    for at in (a, b):
        at.guard.desk.open(0)
    first, second = Pair(a, b), Pair(b, a)
    a.guard.pair(first.ends[0], 0)
    first.run()
    raises(PAIRING_LIMIT, b.guard.pair, second.ends[0], 0)
    second.run()
    agree(a, b, first, second)
