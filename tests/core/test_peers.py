"""The table of peers: aging, pace, replays, and a flood that changes nothing for known peers."""

from announced import HERE, THERE, dropped, key, packet, table
from dsoftbus.base.backoff import Backoff
from dsoftbus.base.shares import Shares
from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.const import (
    EV_OFFLINE,
    EV_ONLINE,
    LINK_DATAGRAM,
    LINK_STREAM,
    SMALL,
)
from dsoftbus.discovery.announce import FLAG_QUERY, Announcement
from dsoftbus.discovery.peers import Peers
from dsoftbus.errors import (
    ANNOUNCE_OVERSIZE,
    ANNOUNCE_RATE,
    ANNOUNCE_REPLAYED,
    CONNECT_BACKOFF,
    HANDSHAKE_RATE,
    IDENTITY_MISMATCH,
    PEER_TABLE_FULL,
    STALE_PEER,
    label,
)
from dsoftbus.identity import device_id
from support import raises


def events(peers: Peers) -> list:
    found = []
    event = peers.next_event()
    while event is not None:
        found.append((event.kind, event.peer))
        event = peers.next_event()
    return found


def test_a_peer_comes_and_goes():
    peers = table()
    peer, flags = peers.receive_datagram(packet(1), HERE, 1000)
    assert (peer.name, peer.online, flags) == ("n1", True, 0)
    assert peer.routes() == [(LINK_STREAM, "192.0.2.7", 4001)]
    assert events(peers) == [(EV_ONLINE, peer.id)]
    assert peers.poll_timer() == 61000
    peers.handle_timer(60999)
    assert events(peers) == []
    peers.handle_timer(61000)
    assert events(peers) == [(EV_OFFLINE, peer.id)]
    assert len(peers) == 0
    assert peers.poll_timer() is None


def test_a_goodbye_is_believed_of_a_stranger_without_a_session():
    peers = table()
    peer, _ = peers.receive_datagram(packet(1, 1), HERE, 0)
    peers.receive_datagram(packet(1, 2, 0), HERE, 10)
    assert events(peers) == []  # it came and went between two looks
    assert not peer.online
    peers.receive_datagram(packet(1, 1), HERE, 20)  # what came before stays before
    assert not peer.online
    assert dropped(peers, ANNOUNCE_REPLAYED) == 1
    assert peers.receive_datagram(packet(2, 1, 0), HERE, 30) is None
    assert len(peers) == 1


def test_whoever_was_said_to_be_there_is_said_to_be_gone():
    """By a goodbye, by the time, by the end of a session, or because another takes the place."""

    def by_goodbye(peers, now):
        peers.receive_datagram(packet(1, 2, 0), HERE, now)

    def by_time(peers, now):
        peers.handle_timer(now + 60000)

    def by_another(peers, now):
        for n in range(2, 2 * SMALL.peers):
            peers.receive_datagram(packet(n, 1), ("192.0.2.%d" % n, 1), now + n)

    device = device_id(key(1))
    for how in (by_goodbye, by_time, by_another):
        peers = table()
        peers.receive_datagram(packet(1, 1), HERE, 0)
        assert events(peers) == [(EV_ONLINE, device)]
        how(peers, 10)
        assert [event for event in events(peers) if event[1] == device] == [(EV_OFFLINE, device)]
    peers = table()
    peers.joined(key(1))
    assert events(peers) == [(EV_ONLINE, device)]
    peers.left(device, 10)
    assert events(peers) == [(EV_OFFLINE, device)]
    peers.joined(key(1))
    peers.left(device, 20)
    peers.joined(key(1))
    assert events(peers) == [(EV_ONLINE, device)]


def test_a_second_announcement_counts_as_much_as_the_first():
    peers = table()
    peer, _ = peers.receive_datagram(packet(1, 1), HERE, 0)
    said = Announcement(peer.id, peer.public, ((LINK_DATAGRAM, 9),), ("new",), "other name")
    for n in range(2, 5):
        said.sequence = n
        said.lifetime_s = 100 + n
        said.flags = n
        said.name = "name %d" % n
        source = ("192.0.2.%d" % n, 5)
        assert peers.receive_datagram(said.encode(), source, 1000 * n) == (peer, n)
        assert (peer.name, peer.flags, peer.services) == ("name %d" % n, n, ("new",))
        assert peer.routes() == [(LINK_DATAGRAM, source[0], 9)]
        assert (peer.heard, peer.expires) == (1000 * n, 1000 * n + 100000 + 1000 * n)
        assert peer.repeated and peer.online


def test_a_forged_goodbye_does_not_touch_a_session():
    peers = table()
    peers.joined(key(1))
    device = device_id(key(1))
    peers.receive_datagram(packet(1, 1), HERE, 0)
    peers.receive_datagram(packet(1, 2, 0), THERE, 10)
    assert peers.get(device).online
    peers.left(device, 20)
    assert peers.get(device).online  # its own announcement still holds
    peers.handle_timer(60000)
    assert not peers.get(device).online


def test_own_announcements_are_nobody():
    peers = Peers(SMALL, device_id(key(1)))
    assert peers.receive_datagram(packet(1), HERE, 0) is None
    assert len(peers) == 0
    assert peers.drops == {}


def test_reject_identity_mismatch():
    peers = table()
    said = Announcement(device_id(key(1)), key(2), ((LINK_STREAM, 1),))
    assert peers.receive_datagram(said.encode(), HERE, 0) is None
    said.version = 1
    assert peers.receive_datagram(said.encode(), HERE, 0) is None
    assert dropped(peers, IDENTITY_MISMATCH) == 2
    assert len(peers) == 0
    peers.receive_datagram(packet(1), HERE, 0)
    said.version = 2
    said.sequence = 9
    assert peers.receive_datagram(said.encode(), THERE, 0) is None
    assert dropped(peers, IDENTITY_MISMATCH) == 3
    assert peers.get(said.id).source == HERE
    assert label(IDENTITY_MISMATCH) == "discovery.reject.identity_mismatch"


def test_reject_replayed_announcement():
    peers = table()
    peer, _ = peers.receive_datagram(packet(1, 100), HERE, 0)
    for old in (100, 99, 0, 100 + 65537):
        assert peers.receive_datagram(packet(1, old), THERE, 10) is None
    assert peers.receive_datagram(packet(1, version=1), THERE, 10) is None  # has none at all
    assert dropped(peers, ANNOUNCE_REPLAYED) == 5
    assert (peer.source, peer.expires) == (HERE, 60000)
    assert peers.receive_datagram(packet(1, 101), THERE, 10)
    assert peers.receive_datagram(packet(1, 101 + 65536), HERE, 10)
    peers.handle_timer(70000)
    assert peers.receive_datagram(packet(1, 0), HERE, 70000)  # nothing is remembered for ever


def test_version_1_follows_itself():
    peers = table()
    peer, _ = peers.receive_datagram(packet(1, version=1), HERE, 0)
    peers.receive_datagram(packet(1, version=1), HERE, 5000)
    assert peer.expires == 65000
    peers.receive_datagram(packet(1, 5), HERE, 6000)
    assert peer.sequence == 5


def test_reject_oversize_discovery_packet():
    peers = table()
    assert peers.receive_datagram(bytes(1201), HERE, 0) is None
    assert dropped(peers, ANNOUNCE_OVERSIZE) == 1


def test_reject_discovery_rate_limit_exceeded():
    peers = table()
    for n in range(60):
        peers.receive_datagram(b"NXSB" + bytes((n,)), HERE, 0)
    assert dropped(peers, ANNOUNCE_RATE) == 60 - 10 - 25  # a share, and all that is free
    assert peers.receive_datagram(packet(1), HERE, 199) is None
    assert peers.receive_datagram(packet(1), HERE, 200)  # 25 in 5 s are free: one each 200 ms
    assert label(ANNOUNCE_RATE) == "discovery.reject.rate_limit_exceeded"


def test_reject_stale_peer_after_ttl_expiry():
    peers = table()
    peer, _ = peers.receive_datagram(packet(1), HERE, 0)
    assert peers.attempt(peer.id, 59999) is peer
    raises(STALE_PEER, peers.attempt, peer.id, 60000)  # even before the timer ran
    peers.handle_timer(60000)
    raises(STALE_PEER, peers.attempt, peer.id, 60001)
    raises("discovery.reject.stale_peer", peers.attempt, "nobody", 0)


def test_a_proved_or_configured_address_does_not_go_stale():
    peers = table()
    peers.joined(key(1), (LINK_STREAM, "192.0.2.9", 1))
    peers.left(device_id(key(1)), 0)
    peers.know(key(2)).fixed = (LINK_DATAGRAM, "192.0.2.8", 2)
    peers.handle_timer(10000000)
    assert peers.attempt(device_id(key(1)), 10000000).routes() == [(LINK_STREAM, "192.0.2.9", 1)]
    assert peers.attempt(device_id(key(2)), 10000000).routes() == [(LINK_DATAGRAM, "192.0.2.8", 2)]


def test_failed_attempts_wait_longer_and_longer():
    peers = table()
    peer, _ = peers.receive_datagram(packet(1, lifetime_s=600), HERE, 0)
    peers.failed(peer.id, 0)  # nobody tried
    now = 0
    waits = []
    for _ in range(9):
        peers.attempt(peer.id, now)
        peers.failed(peer.id, now)
        waits.append(peer.backoff.until - now)
        raises(CONNECT_BACKOFF, peers.attempt, peer.id, peer.backoff.until - 1)
        peer.handshakes = TokenBucket(3, 30000)
        now = peer.backoff.until
    assert waits == [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]


def test_a_fresh_announcement_ends_the_wait_and_a_replay_does_not():
    peers = table()
    peer, _ = peers.receive_datagram(packet(1, 1), HERE, 0)
    peers.attempt(peer.id, 0)
    peers.failed(peer.id, 0)
    peers.receive_datagram(packet(1, 1), HERE, 1)
    raises(CONNECT_BACKOFF, peers.attempt, peer.id, 1)
    peers.receive_datagram(packet(1, 2), HERE, 1)
    peers.attempt(peer.id, 1)
    peers.failed(peer.id, 1)
    assert peer.backoff.until == 1001


def test_no_peer_gets_more_than_three_handshakes_in_thirty_seconds():
    peers = table()
    peer, _ = peers.receive_datagram(packet(1, lifetime_s=600), HERE, 0)
    for _ in range(3):
        peers.attempt(peer.id, 0)
    raises(HANDSHAKE_RATE, peers.attempt, peer.id, 9999)
    peers.attempt(peer.id, 10000)
    raises(HANDSHAKE_RATE, peers.attempt, peer.id, 10001)


def test_a_flood_of_10000_forged_announcements_moves_no_live_peer():
    trusted = device_id(key(3))
    peers = table({trusted: key(3)}.get)
    peers.joined(key(1), (LINK_STREAM, "192.0.2.9", 1))  # has a session
    peers.receive_datagram(packet(2, 1), HERE, 0)  # a stranger, heard twice
    peers.receive_datagram(packet(2, 2), HERE, 0)
    peers.receive_datagram(packet(3, 1), HERE, 0)
    late = packet(4)
    hashed = []
    now = 0
    for n in range(10000):
        now = n  # one each ms: 200 times what is processed
        if peers.receive_datagram(packet(1000 + n, n), THERE, now):
            hashed.append(n)
        assert len(peers) <= SMALL.peers
        if n == 5000:  # those who are known are heard in the middle of it
            assert peers.receive_datagram(packet(3, 2), HERE, now)
            assert peers.receive_datagram(packet(1, 2), HERE, now)
            assert peers.receive_datagram(late, HERE, now)  # a stranger, from another host
    assert len(hashed) <= 35 + 10000 * 35 // 5000
    for n in (1, 2, 3):
        peer = peers.get(device_id(key(n)))
        assert peer.online
        assert peers.attempt(peer.id, now) is peer
    assert dropped(peers, ANNOUNCE_RATE) + dropped(peers, PEER_TABLE_FULL) > 9800
    while peers.next_event():
        pass
    peers.handle_timer(now + 600000)
    assert sorted([peer.id for peer in peers]) == sorted([device_id(key(1)), trusted])


def test_a_trusted_peer_takes_the_place_of_a_stranger():
    trusted = device_id(key(99))
    peers = table({trusted: key(99)}.get)
    for n in range(1, SMALL.peers + 1):
        for sequence in (1, 2):
            peers.receive_datagram(packet(n, sequence), ("192.0.2.%d" % n, 1), n)
    assert sorted(events(peers)) == sorted([(EV_ONLINE, peer.id) for peer in peers])
    assert peers.receive_datagram(packet(50), THERE, 100) is None
    assert dropped(peers, PEER_TABLE_FULL) == 1
    peer, _ = peers.receive_datagram(packet(99), THERE, 100)
    assert peer.known
    assert len(peers) == SMALL.peers
    assert events(peers) == [(EV_OFFLINE, device_id(key(1))), (EV_ONLINE, trusted)]


def test_a_table_full_of_known_peers_takes_no_more():
    peers = table()
    for n in range(SMALL.peers):
        peers.joined(key(n))
    raises(PEER_TABLE_FULL, peers.know, key(50))
    peers.joined(key(50))  # has its session, and is not remembered
    assert peers.get(device_id(key(50))) is None
    peers.left(device_id(key(50)), 0)
    peers.left(device_id(key(3)), 0)
    assert peers.know(key(50)).known and not peers.know(key(50)).online
    assert peers.get(device_id(key(3))) is None


def test_what_is_forgotten_is_a_stranger():
    peers = table()
    peers.joined(key(1), (LINK_STREAM, "192.0.2.9", 1))
    peers.left(device_id(key(1)), 0)
    peers.forget(device_id(key(1)))
    peers.forget("nobody")
    raises(STALE_PEER, peers.attempt, device_id(key(1)), 0)
    peers.handle_timer(0)
    assert len(peers) == 0


def test_a_stranger_keeps_a_few_services():
    said = Announcement(device_id(key(1)), key(1), (), ("a", "b", "c", "d", "e"))
    peer, _ = table().receive_datagram(said.encode(), HERE, 0)
    assert peer.services == ("a", "b", "c", "d")


def test_a_token_bucket_gives_its_rate_and_no_more():
    bucket = TokenBucket(3, 30000)
    assert [bucket.take(0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(9999)
    assert bucket.take(10000)
    assert not bucket.take(10000)
    assert [bucket.take(1 << 40) for _ in range(4)] == [True, True, True, False]


def test_shares_of_a_bounded_number_of_hosts():
    shares = Shares(4, 2, 2, 1000, 3)
    assert [shares.take("a", 0) for _ in range(5)] == [True] * 4 + [False]  # two of them are free
    assert [shares.take("b", 0) for _ in range(3)] == [True, True, False]
    assert not shares.take("c", 0)
    assert shares.take("a", 500) and shares.take("b", 500) and shares.take("c", 500)
    for host in range(100):
        shares.take(host, 1000)
        assert len(shares._hosts) <= 3
    shares = Shares(100, 0, 1, 1000, 3)
    for host in "abcad":  # b has been asked longest ago
        shares.take(host, 0)
    assert not shares.take("a", 0) and not shares.take("c", 0) and shares.take("b", 0)


def test_a_backoff_begins_anew():
    backoff = Backoff()
    backoff.failed(0)
    backoff.failed(1000)
    assert backoff.until == 3000
    backoff.reset()
    backoff.failed(5000)
    assert backoff.until == 6000


def test_who_only_asks_is_answered_and_not_remembered():
    peers = table()
    said = Announcement(device_id(key(1)), key(1))
    said.flags = FLAG_QUERY
    said.lifetime_s = 0
    assert peers.receive_datagram(said.encode(), ("192.0.2.1", 1), 0) == (None, FLAG_QUERY)
    assert len(peers) == 0 and peers.next_event() is None
