"""Attackers on resumption: who replays, reorders, forges, and who takes a file or a table."""

from dsoftbus.const import HOST, PATTERN_SLEEPER, REC_INIT, REC_REPLY
from dsoftbus.errors import (
    DECRYPT_FAILED,
    END_REFUSED,
    REPLAYED_OPENING,
    RESUME_SPENT,
    RESUME_UNKNOWN,
)
from dsoftbus.resume import access
from dsoftbus.resume.resumed_state import ResumedState
from dsoftbus.resume.ticket import Ticket, derive
from dsoftbus.resume.tickets import DAY_MS, Tickets
from pairs import ToySuite, drain, ended, events, feed, node
from resuming import DEFAULT, PATH, SLEEPING, Hub, Medium, only
from support import Random


def test_who_replays_a_recorded_handshake_gets_no_session():
    for sleeper in (False, True):
        hub = Hub(sleeper=sleeper)
        hub.visit()
        mine, theirs = hub.session()
        recorded = [data for own, data in hub.wire if own]
        hub.end(mine, theirs)
        hub.hub_costs.multiplications = 0
        thief = hub.hub.accept(hub.now, PATH)
        for data in recorded:
            feed(thief, data, hub.now)
        assert thief.mux is None and thief.peer_public is None
        assert hub.hub_costs.multiplications == 0
        hub.end(mine, thief)
        assert hub.visit() == (SLEEPING if sleeper else DEFAULT)


def test_an_init_replayed_before_its_finish_gives_a_reply_and_spends_nothing():
    for sleeper in (False, True):
        hub = Hub(sleeper=sleeper)
        hub.visit()
        mine, theirs = hub.begin()
        hub.say(mine, theirs, True)
        init = hub.wire[0][1]
        hub.hub.answered[:] = []  # as when they are too many to remember
        thief = hub.hub.accept(hub.now, PATH)
        feed(thief, init, hub.now)
        reply = drain(thief, hub.now)
        assert reply[2] == REC_REPLY
        feed(thief, b"\x00\x40\x03" + bytes(63), hub.now)
        ended(thief, DECRYPT_FAILED)
        while hub.say(theirs, mine, False) + hub.say(mine, theirs, True):
            pass
        assert events(mine) == events(theirs) == [1]


def test_the_first_finish_wins():
    for sleeper in (False, True):
        hub = Hub(sleeper=sleeper)
        hub.visit()
        first, theirs = hub.begin()
        hub.say(first, theirs, True)
        ticket = only(hub.kept)
        ticket.user = None  # a program that does not keep to it
        second, others = hub.board.connect(hub.hub.public, hub.now), hub.hub.accept(hub.now, PATH)
        feed(others, drain(second, hub.now), hub.now)
        answer = drain(others, hub.now)
        hub.say(theirs, first, False)
        hub.kept.put(ticket)
        feed(second, answer, hub.now)
        finish = drain(second, hub.now)
        hub.say(first, theirs, True)
        assert events(theirs) == [1]
        feed(others, finish, hub.now)
        ended(others, RESUME_SPENT)


def test_a_forged_init_spends_nothing_and_is_dropped():
    for at in (25, 60):  # e; the tag
        hub = Hub()
        hub.visit()
        mine, theirs = hub.begin()
        init = bytearray(drain(mine, hub.now))
        init[at] ^= 1
        feed(theirs, bytes(init), hub.now)
        ended(theirs, DECRYPT_FAILED)
        hub.end(mine, theirs)
        assert hub.visit() == DEFAULT


def test_guessed_ids_cost_no_multiplication_and_no_budget():
    hub = Hub()
    hub.visit()
    random = Random(77)
    hub.hub_costs.multiplications = 0
    arrivals = list(hub.hub.arrivals)
    for _ in range(50):
        init = b"\x00\x44\x01\x01\x01\x02" + random(64)
        session = hub.hub.accept(hub.now, PATH)
        feed(session, init, hub.now)
        assert drain(session, hub.now) == bytes((0, 2, 5, RESUME_UNKNOWN))
        feed(session, init, hub.now)
        ended(session, RESUME_UNKNOWN)
        drain(session, hub.now)
        hub.hub.forget(session)
    assert hub.hub_costs.multiplications == 0 and hub.hub.arrivals == arrivals


def test_a_forged_refusal_costs_a_full_handshake_and_no_more():
    hub = Hub()
    hub.visit()
    mine, theirs = hub.begin()
    drain(mine, hub.now)
    feed(mine, bytes((0, 2, 5, RESUME_UNKNOWN)), hub.now)
    while hub.move(mine, theirs):
        pass
    assert events(mine) == events(theirs) == [1]
    assert not mine.resumed and not theirs.resumed
    hub.end(mine, theirs)
    mine, theirs = hub.begin()
    drain(mine, hub.now)
    feed(mine, bytes((0, 2, 5, RESUME_UNKNOWN)) * 2, hub.now)
    ended(mine, END_REFUSED)


def test_who_steals_the_boards_file_after_its_use_learns_nothing_of_what_was():
    """The file has the secret that follows: no earlier one comes of it, and no session of them."""
    hub = Hub(sleeper=True)
    medium = Medium(hub)
    hub.visit()
    first = only(hub.kept).secret
    assert first in medium.data
    mine, theirs = hub.session()
    assert first not in medium.data and only(hub.kept).secret in medium.data
    assert all(ticket.secret != first for ticket in hub.taken)
    hub.end(mine, theirs)
    # What it does give: the sessions that follow, until a full handshake.
    medium.restart()
    assert hub.visit() == SLEEPING


def thief_with(hub, secret: bytes, mode: int):
    """A node with a key of its own that holds a stolen ticket for the hub."""
    other = node(HOST, "thief", 66)
    other.tickets = Tickets(other, hub.clock, wants_sleep=True)
    mark = access.mark(other, hub.hub.public)
    other.tickets.kept.put(Ticket(hub.hub.public, 1, mode, secret, mark, hub.now + DAY_MS, 9))
    return other


def test_a_stolen_ticket_that_its_owner_has_used_is_worth_nothing():
    for sleeper in (False, True):
        hub = Hub(sleeper=sleeper)
        hub.visit()
        stolen = only(hub.taken)
        secret, mode = stolen.secret, stolen.mode
        hub.visit()
        owner, hub.board = hub.board, thief_with(hub, secret, mode)
        theirs = hub.session_of_whoever()[1]
        assert hub.told(RESUME_UNKNOWN) and theirs.peer_id == hub.board.id != owner.id


def test_who_takes_the_hubs_table_is_the_peer_until_its_owner_comes_back():
    for sleeper in (False, True):
        hub = Hub(sleeper=sleeper)
        hub.visit()
        stolen = only(hub.taken)
        owner, thief = hub.board, thief_with(hub, stolen.secret, stolen.mode)
        thief.tickets.node = owner  # for the key of which it leaves tickets
        hub.board = thief
        for _ in range(2):
            mine, theirs = hub.session_of_whoever()
            assert theirs.peer_id == owner.id
            hub.end(mine, theirs)
        hub.board = owner
        hub.visit()
        assert hub.told(RESUME_UNKNOWN)
        hub.board = thief
        theirs = hub.session_of_whoever()[1]
        assert hub.told(RESUME_UNKNOWN) and theirs.peer_id == thief.id


def test_a_sleepers_secret_opens_what_was_recorded_from_it_on():
    """There is no ephemeral exchange: docs/security.md says so."""
    hub = Hub(sleeper=True)
    hub.visit()
    secret = only(hub.taken).secret
    hub.session()
    init, reply = [data[3:] for _, data in hub.wire[:2]]
    psk = derive(ToySuite().hash, secret)[2]
    prologue = b"dsoftbus" + init[:3] + b"\x01"
    nonce = init[19:51]
    thief = ResumedState(
        ToySuite(), PATTERN_SLEEPER, True, prologue, psk, b"", lambda n: nonce[:n]
    )
    assert thief.write_message() == init[19:]
    assert b"hub" in thief.read_message(reply)


def test_a_ticket_of_one_pair_of_nodes_is_of_no_use_to_another():
    hub = Hub()
    hub.visit()
    secret = only(hub.kept).secret
    assert secret == only(hub.taken).secret
    following, name, psk = derive(ToySuite().hash, secret)
    assert len({secret, following, psk}) == 3 and len(name) == 16


def test_an_init_of_the_other_mode_is_not_taken():
    hub = Hub(sleeper=True)
    hub.visit()
    mine, theirs = hub.begin()
    init = bytearray(drain(mine, hub.now))
    assert init[5] == PATTERN_SLEEPER
    init[5] = 2
    feed(theirs, bytes(init), hub.now)
    assert drain(theirs, hub.now) == bytes((0, 2, 5, RESUME_UNKNOWN))


def test_truncated_and_overlong_inits_are_refused():
    hub = Hub()
    hub.visit()
    mine, theirs = hub.begin()
    init = drain(mine, hub.now)[3:]
    hub.end(mine, theirs)
    for body in [init[:n] for n in range(1, len(init))] + [init + b"\0"]:
        session = hub.hub.accept(hub.now, PATH)
        feed(session, bytes((0, 1 + len(body), REC_INIT)) + body, hub.now)
        assert (session.mux is None and session.state < 0x30) or session.closed
        session.link_lost()
        hub.hub.forget(session)
        hub.now += 10000
    assert hub.visit() == DEFAULT


def test_every_byte_of_the_handshake_is_authenticated():
    for sleeper in (False, True):
        for which in range(3):
            hub = Hub(sleeper=sleeper)
            hub.visit()
            mine, theirs = hub.begin()
            sides = [(mine, theirs), (theirs, mine), (mine, theirs)]
            for i in range(which):
                feed(sides[i][1], drain(sides[i][0], hub.now), hub.now)
            data = bytearray(drain(sides[which][0], hub.now))
            data[-1] ^= 1
            feed(sides[which][1], bytes(data), hub.now)
            assert sides[which][1].closed and sides[which][1].mux is None


def test_a_replayed_init_with_a_ticket_is_remembered():
    hub = Hub()
    hub.visit()
    mine, theirs = hub.begin()
    hub.say(mine, theirs, True)
    again = hub.hub.accept(hub.now, PATH)
    feed(again, hub.wire[0][1], hub.now)
    ended(again, REPLAYED_OPENING)
