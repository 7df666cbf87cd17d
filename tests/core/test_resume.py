"""Sessions that begin with a ticket: their cost, tickets that are no good, lost answers."""

from dsoftbus.const import HOST, SMALL
from dsoftbus.errors import (
    RESUME_EXPIRED,
    RESUME_REVOKED,
    RESUME_SPENT,
    RESUME_UNKNOWN,
    TOKEN_REQUIRED,
    label,
)
from dsoftbus.resume.ticket import Ticket
from dsoftbus.resume.tickets import DAY_MS, SLEEPER_USES, USES, Tickets
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from pairs import ToySuite, drain, ended, events, limits, node
from resuming import DEFAULT, FULL, PATH, SLEEPING, Hub, Medium, only
from support import Random

# What it costs


def test_the_second_session_costs_half_and_so_does_each_after_it():
    hub = Hub()
    assert hub.visit() == FULL
    assert [hub.visit() for _ in range(5)] == [DEFAULT] * 5
    assert len(hub.kept) == len(hub.taken) == 1


def test_a_sleeper_comes_back_without_a_multiplication():
    hub = Hub(sleeper=True)
    assert hub.visit() == FULL
    assert [hub.visit() for _ in range(5)] == [SLEEPING] * 5
    assert len(hub.kept) == len(hub.taken) == 1


def test_sleeper_mode_needs_both_sides():
    hub = Hub(sleeper=True, agrees=False)
    assert [hub.visit() for _ in range(2)] == [FULL, DEFAULT]
    hub = Hub(sleeper=False, agrees=True)
    assert [hub.visit() for _ in range(2)] == [FULL, DEFAULT]


def test_streams_work_in_a_resumed_session():
    for sleeper in (False, True):
        hub = Hub(sleeper=sleeper)
        hub.visit()
        mine, theirs = hub.session()
        assert mine.resumed and theirs.resumed
        mine.open("s").send(b"after the wake")
        hub.move(mine, theirs)
        event = theirs.next_event()
        assert event.stream.recv(99) == b"after the wake"
        assert all(b"after the wake" not in data for _, data in hub.wire)


def test_ids_and_keys_are_others_each_time():
    for sleeper in (False, True):
        hub = Hub(sleeper=sleeper)
        hub.visit()
        assert only(hub.kept).user is None
        seen, hashes = set(), set()
        for _ in range(4):
            mine, theirs = hub.session()
            seen.add(hub.wire[0][1][6:22])
            hashes.add(mine.handshake_hash)
            hub.end(mine, theirs)
            assert only(hub.kept).user is None  # which would keep the session's keys
        assert len(seen) == len(hashes) == 4


def test_messages_have_the_lengths_of_the_page():
    hub = Hub()
    hub.visit()
    hub.session()
    sizes = [len(data) for _, data in hub.wire[:3]]
    assert sizes == [3 + 3 + 16 + 32 + 16, 3 + 48 + 18 + len("hub"), 3 + 16 + 18 + len("board")]


# When a full handshake is due


def test_keys_are_proved_again_after_so_many_sessions():
    for sleeper, uses in ((False, USES), (True, SLEEPER_USES)):
        hub = Hub(sleeper=sleeper)
        costs = [hub.visit() for _ in range(uses + 2)]
        short = SLEEPING if sleeper else DEFAULT
        assert costs == [FULL] + [short] * uses + [FULL], (costs.index(FULL, 1), uses)


def test_keys_are_proved_again_after_a_day():
    for sleeper in (False, True):
        hub = Hub(sleeper=sleeper)
        hub.visit()
        hub.visit()
        hub.now += DAY_MS - 15000
        assert hub.visit() != FULL
        hub.now += 15000
        assert hub.visit() == FULL


def test_a_hub_that_lets_tickets_expire_earlier_says_so_to_who_has_one():
    hub = Hub()
    hub.hub.tickets = hub.tickets(hub.hub, life_ms=1000)
    hub.visit()
    hub.visit()
    assert hub.told(RESUME_EXPIRED) and len(hub.kept) == 1
    assert label(RESUME_EXPIRED) == "resume.reject.expired_ticket"


def test_a_hub_that_has_lost_its_tickets_costs_one_full_handshake_on_the_same_link():
    for sleeper in (False, True):
        hub = Hub(sleeper=sleeper)
        hub.visit()
        hub.hub.tickets = hub.tickets(hub.hub, agrees=True)
        mine, theirs = hub.session()
        assert hub.told(RESUME_UNKNOWN)
        # One ephemeral key was made for the ticket in default mode.
        assert hub.costs() == ((4, 4) if sleeper else (5, 4))
        hub.end(mine, theirs)
        assert hub.visit() == (SLEEPING if sleeper else DEFAULT)


def test_a_hub_that_keeps_none_takes_a_full_handshake():
    hub = Hub()
    hub.visit()
    hub.hub.tickets = None
    mine, theirs = hub.session()
    assert hub.told(RESUME_UNKNOWN)
    hub.end(mine, theirs)
    assert len(hub.kept) == 0 and hub.visit() == FULL


def test_a_board_that_has_lost_its_ticket_begins_anew():
    hub = Hub(sleeper=True)
    hub.visit()
    hub.board.tickets = hub.tickets(hub.board, wants_sleep=True)
    assert hub.visit() == FULL and hub.visit() == SLEEPING


def test_nodes_without_tickets_say_nothing_of_them():
    hub = Hub()
    hub.board.tickets = None
    assert hub.visit() == FULL and hub.visit() == FULL and len(hub.taken) == 0
    hub = Hub()
    hub.hub.tickets = None
    assert hub.visit() == FULL and len(hub.kept) == 0


def test_a_second_session_at_the_same_time_does_not_take_the_ticket():
    hub = Hub()
    hub.visit()
    mine, theirs = hub.begin()
    other, answers = hub.board.connect(hub.hub.public, hub.now), hub.hub.accept(hub.now, PATH)
    for pair in ((mine, theirs), (other, answers)):
        while hub.move(*pair):
            pass
        assert events(pair[0]) == events(pair[1]) == [1]
    assert hub.costs() == (2 + 4, 2 + 4)


def test_sessions_under_a_token_leave_no_ticket_and_use_none():
    hub = Hub()
    hub.visit()
    hub.hub.local.psk = hub.board.local.psk = b"t" * 32
    mine, theirs = hub.session()
    assert theirs.by_token and hub.costs() == FULL and len(hub.taken) == 0
    hub.end(mine, theirs)
    hub.board.local.psk = hub.hub.local.psk = None
    hub.visit()
    hub.hub.local.psk = b"t" * 32
    mine, theirs = hub.begin()
    hub.move(mine, theirs)
    ended(theirs, TOKEN_REQUIRED)


def test_another_suite_is_no_case_for_the_ticket():
    hub = Hub()
    hub.visit()
    for at in (hub.board, hub.hub):
        at.local.suites[2] = ToySuite(2)
    mine = hub.board.connect(hub.hub.public, hub.now, 2)
    assert drain(mine)[5] == 0  # XK


# Access


class Trusting(Hub):
    """The hub has a trust store, in which the board is."""

    def __init__(self, sleeper=False):
        super().__init__(sleeper)
        self.store = TrustStore(HOST)
        self.hub.guard = Guard(self.store, Random(5))
        self.pair()

    def pair(self, paired_at=1700000000):
        self.store.add(Entry(self.board.public, "board", [grant("allow in *")], paired_at))


def refused_full(hub) -> None:
    """The board's next session begins with a full handshake, and the hub says why."""
    mine, theirs = hub.session()
    assert hub.told(RESUME_REVOKED)
    hub.end(mine, theirs)


def test_a_change_of_access_kills_tickets_of_those_that_it_concerns():
    for sleeper in (False, True):
        hub = Trusting(sleeper)
        hub.visit()
        hub.store.add_rule(rule("deny in %s light" % hub.board.id))
        refused_full(hub)
        hub.store.get(hub.board.id).grants.append(grant("allow in log"))
        refused_full(hub)
        hub.store.add_rule(rule("allow in %s light" % hub.hub.id))
        hub.visit()
        assert not hub.told(RESUME_REVOKED)


def test_unpairing_kills_tickets_also_those_of_who_pairs_again():
    for sleeper in (False, True):
        hub = Trusting(sleeper)
        hub.visit()
        hub.hub.unpair(hub.board.id)
        mine, theirs = hub.begin()
        while hub.move(mine, theirs):
            pass
        assert hub.told(RESUME_REVOKED) and theirs.closed and len(hub.taken) == 0
        hub.end(mine, theirs)
        hub.pair()
        mine, theirs = hub.session()
        assert not hub.told(RESUME_REVOKED)
        hub.end(mine, theirs)


def test_a_stranger_loses_what_it_had_as_a_peer():
    hub = Trusting()
    hub.visit()
    stolen = only(hub.taken)
    hub.store.remove(hub.board.id)
    hub.hub.guard.desk.open(hub.now)
    hub.board.tickets = hub.tickets(hub.board)
    hub.end(*hub.session())  # as a stranger
    hub.pair(1700000000)
    assert stolen not in list(hub.taken)


# Tables


def test_the_hubs_table_is_bounded_and_charged_to_each_peer():
    hub = Hub(profile=SMALL)
    taken = Tickets(hub.hub, hub.clock).taken
    taken._most, taken._share = 8, 3
    for i in range(40):
        taken.add(Ticket(bytes((1,)) * 32, 1, 2, bytes((i,)) * 32, b"m" * 8, 1, 1))
    assert len(taken) == 3
    for i in range(40):
        taken.add(Ticket(bytes((i,)) * 32, 1, 3, bytes((i + 100,)) * 32, b"m" * 8, 1, 1))
    assert len(taken) == 8 and len(taken._by_id) == 16
    for ticket in list(taken):
        taken.forget(ticket.peer)
    assert len(taken) == 0 and not taken._by_id and not taken._by_peer


def test_strangers_push_out_strangers():
    hub = Trusting()
    hub.visit()
    taken = hub.taken
    taken._most = 4
    for i in range(40):
        taken.add(Ticket(bytes((i,)) * 32, 1, 2, bytes((i,)) * 32, b"m" * 8, 1, 1))
    assert len(taken) == 3 and hub.visit() is not None and not hub.told(RESUME_UNKNOWN)


def test_a_board_keeps_a_ticket_for_each_peer_it_may_trust():
    board = node(limits(SMALL, trusted=2), "board", 1)
    kept = Tickets(board, lambda: 0).kept
    for i in range(9):
        kept.add(Ticket(bytes((i,)) * 32, 1, 2, bytes(32), b"m" * 8, 100 - i, 1))
    assert len(kept) == 2


# Lost answers, and power that fails


def cut(hub, after: int) -> None:
    """A session whose link ends when so many messages have arrived."""
    mine, theirs = hub.begin()
    sides = [(mine, theirs, True), (theirs, mine, False)]
    for i in range(after):
        hub.say(*sides[i % 2])
    hub.end(mine, theirs)


def test_a_lost_answer_costs_nothing_at_each_message():
    for sleeper in (False, True):
        for after in (0, 1):  # INIT is lost; REPLY is lost
            hub = Hub(sleeper=sleeper)
            hub.visit()
            for _ in range(3):
                cut(hub, after)
            assert hub.visit() == (SLEEPING if sleeper else DEFAULT), after


def test_a_lost_finish_costs_a_sleeper_nothing_and_others_one_full_handshake():
    hub = Hub(sleeper=True)
    hub.visit()
    for _ in range(5):
        cut(hub, 2)
    assert hub.visit() == SLEEPING
    hub = Hub()
    hub.visit()
    cut(hub, 2)
    hub.visit()
    assert hub.told(RESUME_UNKNOWN) and hub.visit() == DEFAULT


def test_a_restart_of_the_board_at_each_message_costs_nothing():
    for after in (0, 1, 2, 3):
        hub = Hub(sleeper=True)
        medium = Medium(hub)
        hub.visit()
        for _ in range(3):
            cut(hub, after)
            medium.restart()
        assert hub.visit() == SLEEPING, after


def test_the_board_writes_before_it_says_finish_and_once_a_wake():
    hub = Hub(sleeper=True)
    medium = Medium(hub)
    hub.visit()
    before, writes = medium.data, medium.writes
    mine, theirs = hub.begin()
    hub.say(mine, theirs, True)
    assert medium.data == before
    hub.say(theirs, mine, False)
    assert medium.data != before and medium.writes == writes + 1
    hub.end(mine, theirs)


def test_a_medium_that_fails_ends_the_session_before_finish_and_then_a_full_one_follows():
    hub = Hub(sleeper=True)
    medium = Medium(hub)
    hub.visit()
    medium.fails = True
    mine, theirs = hub.begin()
    while hub.move(mine, theirs):
        pass
    ended(mine, RESUME_SPENT)
    assert theirs.half_open or theirs.closed
    hub.end(mine, theirs)
    assert hub.visit() == FULL
    medium.fails = False
    medium.restart()  # with a ticket that was there before
    hub.visit()
    assert hub.visit() == SLEEPING


def test_a_hub_takes_its_tickets_over_a_restart():
    for sleeper in (False, True):
        hub = Hub(sleeper=sleeper)
        hub.visit()
        hub.visit()
        data = hub.hub.tickets.encode()
        hub.hub.tickets = hub.tickets(hub.hub, agrees=True)
        assert hub.hub.tickets.restore(data)
        assert hub.visit() == (SLEEPING if sleeper else DEFAULT)


def test_bytes_that_are_not_a_nodes_own_hold_no_tickets():
    hub = Hub(sleeper=True)
    hub.visit()
    good = hub.board.tickets.encode()
    fresh = hub.tickets(hub.board)
    for at in range(len(good)):
        for bad in (good[:at], good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :]):
            assert not fresh.restore(bad) and len(fresh.kept) == 0, at
    assert not fresh.restore(good + b"\0") and not hub.tickets(hub.hub).restore(good)
    assert fresh.restore(good) and len(fresh.kept) == 1


def test_time_that_was_slept_counts():
    hub = Hub(sleeper=True)
    medium = Medium(hub)
    hub.visit()
    for slept_ms, costs in ((1000, SLEEPING), (DAY_MS, FULL)):
        hub.board.tickets = hub.tickets(hub.board, wants_sleep=True)
        assert hub.board.tickets.restore(medium.data, slept_ms)
        hub.kept.store = medium.store
        assert hub.hub.tickets.sleeps(hub.board.public)
        assert hub.visit() == costs


def test_a_full_handshake_beside_one_with_a_ticket_leaves_both_their_session():
    """In each order of their last messages; the tickets of before are gone."""
    for order in ((0, 1), (1, 0)):
        for steps in (1, 2):  # how far the first goes before the other ends
            hub = Hub()
            hub.visit()
            pairs = [hub.begin()]
            other = hub.board.connect(hub.hub.public, hub.now), hub.hub.accept(hub.now, PATH)
            pairs.append(other)
            for _ in range(steps):
                hub.say(*pairs[order[0]], True)
                hub.say(*reversed(pairs[order[0]]), False)
            for at in (order[1], order[0]):
                while hub.move(*pairs[at]):
                    pass
            for pair in pairs:
                assert events(pair[0]) == events(pair[1]) == [1]
                hub.end(*pair)
            assert len(hub.kept) == 1
            hub.visit()
            assert hub.visit() == DEFAULT
