"""The cost of handshakes over stream links, and who gives way: attackers beside honest peers, in
virtual time and with counted scalar multiplications."""

import sys

from counting import CountingSuite
from dsoftbus.const import ANYONE, HOST, REC_INIT, SMALL, TINY
from dsoftbus.errors import (
    HALF_OPEN_LIMIT,
    HANDSHAKE_BUDGET,
    REPLAYED_OPENING,
    SESSION_LIMIT,
    PeerError,
    label,
)
from dsoftbus.handshake.arrivals import host_of, make_room, may_begin
from dsoftbus.node import Node
from dsoftbus.record.records import record
from dsoftbus.session.session import AWAIT_FINISH, AWAIT_INIT, ESTABLISHED, Session
from pairs import ToySuite, drain, ended, feed, node
from support import Random

# MicroPython stands for boards, which have no profile of the size of a host's.
PROFILES = (TINY, SMALL, HOST) if sys.implementation.name == "cpython" else (TINY, SMALL)
A_HANDSHAKE = 4  # scalar multiplications of the responder
AGAIN_MS = 1000  # an opening that waits asks again
HONEST = ("192.0.2.1", 1000)
INIT_WIRE = 3 + 3 + 48  # bytes


def address(n: int, host: int = 66) -> tuple:
    return ("203.0.113.%d" % host, 1024 + n)


class Server:
    """A responder whose multiplications are counted, and its driver."""

    def __init__(self, profile=SMALL):
        self.suite = CountingSuite(ToySuite())
        random = Random(2)
        static = self.suite.keypair(random(32))
        self.node = Node({1: self.suite}, static, random, profile, "server", allowed=ANYONE)
        self.profile = profile
        self.suite.multiplications = 0
        self.now = 0
        self.refused = 0
        self._random = Random(3)

    @property
    def spent(self) -> int:
        return self.suite.multiplications

    def accept(self, path):
        """Accepts a connection as a driver does: returns its session, or None for one that is
        closed."""
        try:
            session = self.node.accept(self.now, path)
        except PeerError:
            self.refused += 1
            return None
        finally:
            self.forget_closed()
        return session

    def forget_closed(self) -> None:
        for session in list(self.node.sessions):
            if session.closed:
                drain(session, self.now)
                self.node.forget(session)

    def pass_time(self, ms: int) -> None:
        self.now += ms
        for session in list(self.node.sessions):
            session.handle_timer(self.now)
        self.forget_closed()

    def opening(self) -> bytes:
        """An INIT as anyone can make it."""
        return bytes(record(REC_INIT, b"\x01\x01\x00" + self.key()[:32] + self._random(16)))

    def key(self) -> bytes:
        return ToySuite().keypair(self._random(32)).public

    def initiator(self, seed: int = 9):
        """(session, its INIT) of an honest peer."""
        client = node(HOST, "client", seed)
        session = client.connect(self.node.public, self.now)
        return session, drain(session, self.now)

    def true_opening(self, seed: int) -> bytes:
        """An INIT with a good tag, of an attacker who knows the server's key."""
        return self.initiator(seed)[1]


def finish(server, session, mine) -> None:
    """The rest of an honest handshake, after the INIT."""
    feed(mine, drain(session, server.now), server.now)
    feed(session, drain(mine, server.now), server.now)


def test_a_replayed_opening_costs_the_multiplications_of_one():
    server = Server()
    init = server.true_opening(5)
    for n in range(500):
        session = server.accept(address(n, n % 250))
        if session is None:
            continue
        feed(session, init, server.now)
        if n and session.closed:
            ended(session, REPLAYED_OPENING)
        server.pass_time(10)
    assert 0 < server.spent < A_HANDSHAKE
    assert label(REPLAYED_OPENING) == "session.reject.replayed_opening"


def flood(server, seconds: int, rate: int, honest_at: int, hosts: int = 1) -> int:
    """So many openings a second from `hosts` addresses, and one honest handshake in the middle
    of them; returns the ms that it took, or fails."""
    seed = 100
    began = None
    for step in range(seconds * rate):
        session = server.accept(address(step, step % hosts))
        if session is not None:
            seed += 1
            feed(session, server.true_opening(seed), server.now)
            drain(session, server.now)
        if step == honest_at:
            began = server.now
            mine, init = server.initiator()
            theirs = server.accept(HONEST)
            assert theirs is not None
            feed(theirs, init, server.now)
        server.pass_time(1000 // rate)
        if began is not None and not theirs.half_open:
            assert theirs.state == ESTABLISHED, label(theirs.cause)
            return server.now - began
        if began is not None:
            finish(server, theirs, mine)
    raise AssertionError("the honest handshake was never done")


def test_a_flood_of_openings_from_one_address_leaves_an_honest_peer_its_handshake():
    for profile in (SMALL, HOST):
        server = Server(profile)
        took_ms = flood(server, 10, 100, 500)
        assert took_ms <= 1000, took_ms
        seconds = server.now // 1000 + 1
        assert server.spent <= A_HANDSHAKE * profile.handshakes * (seconds + 1)
        assert len(server.node.sessions) <= profile.half_open + 1


def test_a_flood_in_step_with_a_peer_that_tries_again_is_not_always_quicker():
    """The share of the one is filled up again just before the other comes."""
    for profile in (SMALL, HOST, TINY):
        for begins in range(0, 4000, 125):
            server = Server(profile)
            tries = [begins + 8000 + ms for ms in (0, 2000, 4000, 6000, 8000)]  # with its cookie
            done = False
            for now in range(0, begins + 16001, 25):
                may_begin(server.node, address(now), now)
                if now in tries:
                    done = done or may_begin(server.node, HONEST, now)
            assert done, (profile, begins)


def test_connections_that_come_all_at_once_move_no_handshake_that_has_its_reply():
    """Before the driver lets go of those that gave way."""
    for profile in PROFILES:
        server = Server(profile)
        theirs = server.accept(HONEST)
        feed(theirs, server.initiator()[1], 0)
        drain(theirs, 0)
        for n in range(3 * profile.half_open + profile.sessions):
            try:
                server.node.accept(0, address(n, n % 250))
            except PeerError as error:
                assert error.code in (SESSION_LIMIT, HALF_OPEN_LIMIT)
            if profile is not TINY:  # it has one place for handshakes, which the newest takes
                assert theirs.state == AWAIT_FINISH
        assert len(server.node.sessions) <= profile.sessions + profile.half_open


def test_a_flood_from_many_addresses_costs_no_more_than_the_budget():
    server = Server()
    for step in range(1000):
        session = server.accept(address(step, step % 250))
        if session is not None:
            feed(session, server.true_opening(1000 + step), server.now)
            drain(session, server.now)
        server.pass_time(10)
        assert len(server.node.sessions) <= SMALL.half_open
        assert len(server.node.arrivals) <= 4 + 3 * SMALL.addresses
        assert len(server.node.answered) <= SMALL.addresses
    assert 0 < server.spent <= A_HANDSHAKE * SMALL.handshakes * 12


def test_openings_beyond_the_budget_wait_their_turn():
    server = Server()
    waiting = []
    for n in range(2):
        mine, init = server.initiator(20 + n)
        theirs = server.accept(HONEST)
        feed(theirs, init, server.now)
        finish(server, theirs, mine)
        assert theirs.state == ESTABLISHED
    mine, init = server.initiator(30)
    theirs = server.accept(HONEST)
    feed(theirs, init, server.now)
    assert theirs.state == AWAIT_INIT and not theirs.has_output
    spent = server.spent
    assert theirs.poll_timer() == AGAIN_MS
    for _ in range(8):
        waiting.append(theirs.state == AWAIT_INIT)
        server.pass_time(250)
    assert waiting[0] and waiting[2] and theirs.state == AWAIT_FINISH
    assert spent < server.spent <= spent + A_HANDSHAKE
    finish(server, theirs, mine)
    assert theirs.state == ESTABLISHED and theirs.poll_timer() > server.now + 1000


def test_an_opening_whose_turn_never_comes_is_told_why():
    server = Server()
    nobody_may(server)
    session = server.accept(HONEST)
    feed(session, server.opening(), 0)
    assert session.poll_timer() == AGAIN_MS
    server.now = SMALL.handshake_ms
    session.handle_timer(server.now)
    ended(session, HANDSHAKE_BUDGET)
    assert server.spent == 0
    assert label(HANDSHAKE_BUDGET) == "session.reject.handshake_budget"


def nobody_may(server) -> None:
    """Others have what the budget has; it has no more while this lasts."""
    server.node.arrivals = [0, 1 << 29, 0, 1 << 29]


def test_what_follows_a_waiting_opening_ends_the_session_and_costs_nothing():
    for what in (b"\x00\x02\x03x", b"\x00\x02\x04x", b"\x00\x01\x09"):
        server = Server()
        nobody_may(server)
        session = server.accept(HONEST)
        feed(session, server.opening(), 0)
        feed(session, what, 0)
        assert session.closed and server.spent == 0 and session.poll_timer() is None


def test_a_waiting_opening_that_is_replaced_costs_once():
    server = Server()
    nobody_may(server)
    session = server.accept(HONEST)
    for _ in range(20):
        feed(session, server.opening(), 0)
    assert session.state == AWAIT_INIT and len(session.held) < 60
    server.node.arrivals = None
    server.pass_time(AGAIN_MS)
    assert session.closed or session.state == AWAIT_FINISH
    assert server.spent <= A_HANDSHAKE


def test_a_suite_that_this_node_lacks_takes_nothing_from_the_budget():
    server = Server()
    for _ in range(50):
        session = server.accept(HONEST)
        feed(session, bytes(record(REC_INIT, b"\x01\x03\x00" + bytes(48))), 0)
        assert session.closed
        server.forget_closed()
    assert server.node.arrivals is None and server.spent == 0


def test_silent_connections_do_not_take_the_place_of_a_handshake_that_has_its_reply():
    for profile in PROFILES[1:]:
        for hosts in (1, 200):  # the attacker's addresses; with one it is the honest peer's, too
            server = Server(profile)
            mine, init = server.initiator()
            theirs = server.accept(HONEST)
            feed(theirs, init, 0)
            reply = drain(theirs, 0)
            for n in range(1000):
                path = HONEST if hosts == 1 else address(n, n % hosts)
                server.accept(path)
                server.pass_time(1)
            assert theirs.state == AWAIT_FINISH
            feed(mine, reply, server.now)
            feed(theirs, drain(mine, server.now), server.now)
            assert theirs.state == ESTABLISHED


def test_silent_connections_do_not_hold_the_last_place_of_a_node():
    server = Server()
    for n in range(SMALL.sessions - 1):
        mine, init = server.initiator(20 + n)
        theirs = server.accept(address(n, n))
        feed(theirs, init, server.now)
        finish(server, theirs, mine)
        server.pass_time(1000)
    for n in range(SMALL.half_open + 3):
        server.accept(address(n, 99))
    assert not server.node.full
    server.node.connect(server.key(), server.now)  # nor do they keep it from beginning one itself
    server.node.sessions[-1].link_lost()
    server.forget_closed()
    theirs = server.accept(HONEST)
    mine, init = server.initiator(30)
    feed(theirs, init, server.now)
    finish(server, theirs, mine)
    assert theirs.state == ESTABLISHED and server.node.full


class Half(Session):
    """A half-open session, as far as its place goes; with None for `held` it has its REPLY."""

    def __init__(self, host: str, held=b""):
        self.mux = None
        self.path = (host, 1)
        self.held = held


def test_who_gives_way():
    silent = Half("a")
    waits = Half("b", b"init")
    replied = Half("c", None)
    assert make_room([replied, waits, silent], ("d", 1)) is silent
    assert make_room([replied, waits], ("d", 1)) is waits
    assert make_room([replied, Half("e", None)], ("d", 1)) is replied  # the oldest
    # Of the address that holds most, the oldest.
    first, second = Half("x"), Half("x")
    assert make_room([silent, first, second], ("d", 1)) is first
    # A newcomer's own address comes before others that hold less,
    own = Half("d")
    assert make_room([silent, own], ("d", 1)) is own
    # and where that one is further than the others, the newcomer gives way itself.
    assert make_room([silent, Half("d", None)], ("d", 1)) is None
    assert make_room([replied, Half("d", None)], ("d", 1)).path[0] == "d"


def test_a_newcomer_that_has_to_give_way_is_refused_with_a_label():
    server = Server()
    theirs = server.accept(HONEST)
    feed(theirs, server.initiator()[1], 0)
    other = server.accept(address(1, 5))
    try:
        server.node.accept(0, HONEST)
    except PeerError as error:
        assert error.code == HALF_OPEN_LIMIT
    else:
        raise AssertionError("it took the place of another")
    assert not other.closed and theirs.state == AWAIT_FINISH


def test_links_without_an_address_pay_nothing():
    server = Server(TINY)
    for seed in range(30, 40):
        mine, init = server.initiator(seed)
        theirs = server.accept(None)
        feed(theirs, init, 0)
        finish(server, theirs, mine)
        assert theirs.state == ESTABLISHED
        server.node.forget(theirs)


def test_hosts_of_addresses():
    assert host_of(("192.0.2.1", 5)) == host_of(("192.0.2.1", 6)) == "192.0.2.1"
    assert host_of(("2001:db8:1:2:3:4:5:6", 5, 0, 0)) == host_of("2001:db8:1:2::1")
    assert host_of("2001:db8::1") == host_of("2001:db8::ffff:2") == "2001:db8:0:0"
    assert host_of("::1") == "0:0:0:0"
    assert host_of("2001:db8:1:3::1") != host_of("2001:db8:1:2::1")
    assert host_of("fe80::1%eth0") != host_of("fe80::2%eth0")  # one link, many hosts
    assert host_of("::ffff:192.0.2.1") != host_of("::ffff:192.0.2.2")
    packed = b"\x02\x00\x12\x34\xc0\x00\x02\x01" + bytes(8)
    assert host_of(packed) == host_of(packed[:2] + b"\x99\x99" + packed[4:])
    six = b"\x0a\x00\x12\x34" + bytes(4) + bytes(range(16)) + bytes(4)
    assert host_of(six) == bytes(range(8))
    assert host_of(7) == 7 and host_of(None) is None
