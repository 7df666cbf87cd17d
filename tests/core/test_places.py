"""The places for sessions: a share for each peer, and room for trusted ones."""

from dsoftbus.const import ANYONE, EV_ESTABLISHED, SMALL, TINY
from dsoftbus.errors import NOT_PAIRED, PEER_SHARE, SESSION_LIMIT, label
from dsoftbus.node import Node
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from pairs import ToySuite, all_events, drain, feed
from support import Random

SUITE = ToySuite()


class Peer:
    """A node that begins sessions, at `host`."""

    def __init__(self, seed: int, host: str = ""):
        random = Random(1000 + seed)
        static = SUITE.keypair(random(32))
        profile = type("Profile", (SMALL,), {"sessions": 50})
        self.node = Node({1: SUITE}, static, random, profile, "p%d" % seed)
        self.path = (host or "192.0.2.%d" % seed, 1)


class Hub:
    """A node that others begin sessions with; those in `trusted` it knows."""

    def __init__(self, trusted=(), profile=SMALL, allowed=None):
        random = Random(7)
        store = TrustStore(profile)
        for peer in trusted:
            store.add(Entry(peer.node.public, peer.node.local.name, [grant("allow in *")]))
        self.guard = None if allowed else Guard(store, random)
        static = SUITE.keypair(random(32))
        self.node = Node({1: SUITE}, static, random, profile, "hub", None, self.guard, allowed)
        self.now = 0

    def begin(self, peer):
        """(the peer's end, this one) of a new session; the budget of handshakes is no matter."""
        self.now += 1
        self.node.arrivals = None
        theirs = peer.node.connect(self.node.public, self.now)
        mine = self.node.accept(self.now, peer.path)
        for _ in range(4):
            feed(mine, drain(theirs, self.now), self.now)
            feed(theirs, drain(mine, self.now), self.now)
        for session in list(self.node.sessions):
            if session.closed:
                self.node.forget(session)
        return theirs, mine

    def lives(self, session) -> bool:
        return session in self.node.sessions and not session.half_open


def test_a_peer_holds_no_more_than_its_share_of_the_places():
    greedy, other = Peer(1), Peer(2)
    hub = Hub((greedy, other))
    held = [hub.begin(greedy) for _ in range(20)]
    assert [hub.lives(mine) for _, mine in held] == [False] * 18 + [True] * 2
    assert held[0][1].cause == PEER_SHARE
    assert label(PEER_SHARE) == "session.reject.peer_share"
    assert hub.node.evicted is held[17][1]
    for _ in range(SMALL.peer_sessions):
        assert hub.lives(hub.begin(other)[1])
    assert hub.lives(held[-1][1])


def test_the_session_that_was_silent_longest_goes():
    peer = Peer(1)
    hub = Hub((peer,))
    first, second = hub.begin(peer), hub.begin(peer)
    hub.now = 5000
    first[0].ping(hub.now)
    feed(first[1], drain(first[0], hub.now), hub.now)
    third = hub.begin(peer)
    assert hub.lives(first[1]) and hub.lives(third[1]) and not hub.lives(second[1])
    theirs = second[0]
    feed(theirs, b"")
    assert second[1].cause == PEER_SHARE


def test_a_peer_that_lost_its_session_comes_back_to_a_full_node():
    for profile in (SMALL, TINY):
        peers = [Peer(n) for n in range(1, profile.sessions + 2)]
        hub = Hub(peers, profile)
        before = [hub.begin(peer) for peer in peers[: profile.sessions]]
        assert hub.node.full
        again = hub.begin(peers[0])
        assert hub.lives(again[1]) and before[0][1].cause == PEER_SHARE
        assert all(hub.lives(mine) for _, mine in before[1:])
        late = hub.begin(peers[-1])
        assert late[1].cause == SESSION_LIMIT and not hub.lives(late[1])
        assert EV_ESTABLISHED not in [event.kind for event in all_events(late[1])]
        assert hub.lives(again[1])


def test_without_a_trust_store_a_peer_has_its_share_too():
    greedy, other = Peer(1), Peer(2)
    hub = Hub(allowed=ANYONE)
    held = [hub.begin(greedy) for _ in range(6)]
    assert sum(hub.lives(mine) for _, mine in held) == SMALL.peer_sessions
    assert hub.lives(hub.begin(other)[1])


def test_sessions_from_here_are_in_nobodys_share():
    peer = Peer(1)
    hub = Hub((peer,))
    own = [hub.node.connect(peer.node.public, 0) for _ in range(2)]
    held = [hub.begin(peer) for _ in range(3)]
    assert not any(session.closed for session in own)
    assert [hub.lives(mine) for _, mine in held] == [False, True, True]


def flood(hub, seeds, host: str = "203.0.113.9") -> list:
    """A session of each of so many strangers; those that live afterwards."""
    held = [hub.begin(Peer(100 + n, host))[1] for n in seeds]
    return [session for session in held if hub.lives(session)]


def test_a_flood_of_strangers_does_not_starve_trusted_peers_that_return():
    """While the node takes pairings, and where a rule lets in everybody."""
    for opened in (True, False):
        trusted = [Peer(n) for n in range(1, 4)]
        hub = Hub(trusted)
        if opened:
            hub.guard.desk.open(0)
        else:
            hub.guard.store.add_rule(rule("allow in * echo"))
        assert len(flood(hub, range(30))) == SMALL.sessions // 2
        there = [hub.begin(peer)[1] for peer in trusted]
        assert all(hub.lives(mine) for mine in there)
        assert len(flood(hub, range(50, 80))) <= 1
        assert all(hub.lives(mine) for mine in there)


def test_a_tiny_nodes_only_place_is_a_trusted_peers():
    trusted = Peer(1)
    hub = Hub((trusted,), TINY)
    hub.guard.desk.open(0)
    assert len(flood(hub, range(3))) == 1
    there = hub.begin(trusted)[1]
    assert hub.lives(there)
    assert flood(hub, range(10, 20)) == [] and hub.lives(there)


def test_strangers_of_one_host_give_way_to_those_of_another():
    hub = Hub()
    hub.guard.desk.open(0)
    assert len(flood(hub, range(10))) == 2
    honest = hub.begin(Peer(5))[1]
    assert hub.lives(honest)
    flood(hub, range(20, 40))
    assert hub.lives(honest)


def test_who_may_not_stay_takes_nobodys_place():
    trusted = [Peer(n) for n in range(1, 5)]
    hub = Hub(trusted)
    there = [hub.begin(peer)[1] for peer in trusted]
    late = hub.begin(Peer(9))[1]
    assert late.cause == NOT_PAIRED
    assert all(hub.lives(mine) for mine in there)
