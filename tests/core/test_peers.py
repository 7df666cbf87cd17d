"""The table of peers: aging, pace, replays, and a flood that changes nothing for known peers."""

from dsoftbus.backoff import Backoff
from dsoftbus.const import (
    EV_CLONED_KEY,
    EV_OFFLINE,
    EV_ONLINE,
    LINK_DATAGRAM,
    LINK_STREAM,
    SMALL,
)
from dsoftbus.discovery.announce import FLAG_QUERY, Announcement
from dsoftbus.discovery.announcer import ASK_BYTES, Announcer
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
from dsoftbus.pace import TokenBucket
from dsoftbus.shares import Shares
from support import raises

OWN = device_id(bytes(32))
HERE = ("192.0.2.7", 37020)
THERE = ("192.0.2.66", 37020)


def key(n: int) -> bytes:
    return bytes((n >> 8, n & 0xFF)) + bytes(30)


def packet(n: int, sequence: int = 1, lifetime_s: int = 60, version: int = 2) -> bytes:
    said = Announcement(device_id(key(n)), key(n), ((LINK_STREAM, 4000 + n),), version=version)
    if version == 2:
        said.sequence = sequence
        said.lifetime_s = lifetime_s
        said.name = "n%d" % n
    return said.encode()


def table(vouched=None) -> Peers:
    return Peers(SMALL, OWN, vouched)


def events(peers: Peers) -> list:
    found = []
    event = peers.next_event()
    while event is not None:
        found.append((event.kind, event.peer))
        event = peers.next_event()
    return found


def dropped(peers: Peers, code: int) -> int:
    return peers.drops.get(code, 0)


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
    assert peers.know(key(50)).known
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


# What forgers do: they know ids and keys, for these are said to everyone


def deaf_for(peers, forged, now: int = 100) -> int:
    """How many announcements of the true peer 1, HERE, are lost after these (packet, source)."""
    for n in range(1, 4):
        assert peers.receive_datagram(packet(1, n), HERE, now)
    for data, source in forged:
        peers.receive_datagram(data, source, now)
    lost = 0
    for n in range(4, 20):
        now += 20000
        if not peers.receive_datagram(packet(1, n), HERE, now):
            lost += 1
    peer = peers.get(device_id(key(1)))
    assert peer.source == HERE and peer.sequence == 19
    return lost


def test_a_forged_sequence_makes_nobody_deaf_to_a_peer():
    forgeries = (
        [3 + 65536],
        [3 + 65536, 3 + 2 * 65536],
        [1000000],
        [1000000, 1000001, 1000002],
        [(1 << 30) - 1],
        [4, 5, 6, 7, 8, 9],
        [1, 2],
    )
    for sequences in forgeries:
        away = [(packet(1, n, 600), THERE) for n in sequences]
        assert deaf_for(table(), away) == 0, sequences
        spoofed = [(packet(1, n, 600), HERE) for n in sequences]
        assert deaf_for(table(), spoofed) <= max(1, sequences.count(9) * 6), sequences


def test_a_forger_that_goes_on_does_not_silence_a_known_peer():
    """Three forged packets for each true one, all with the true id and key, at most at HERE's."""
    peers = table()
    peers.joined(key(1), (LINK_STREAM, HERE[0], 1))
    far = 500000
    heard = 0
    for n in range(1, 60):
        now = 20000 * n
        heard += peers.receive_datagram(packet(1, n), HERE, now) is not None
        for _ in range(3):
            far += 70000
            peers.receive_datagram(packet(1, far, 600), THERE, now + 5)
        peers.receive_datagram(packet(1, far + 1, 600), THERE, now + 5)
    assert heard == 59


def test_junk_that_names_a_known_peer_costs_it_nothing():
    device = device_id(key(1))
    trusted = device_id(key(2))
    peers = table({trusted: key(2)}.get)
    peers.joined(key(1), (LINK_STREAM, HERE[0], 1))
    true = packet(1)
    junk = [true[:n] for n in range(64)]  # all before the whole key
    junk += [true[:40] + b"\xff" * 40, packet(2)[:40] + b"\xff" * 40, packet(2)[:60]]
    junk.append(Announcement(device, key(7)).encode())
    junk.append(Announcement(trusted, key(7)).encode())
    for _ in range(100):
        for data in junk:
            for source in (HERE, THERE):
                assert peers.receive_datagram(data, source, 0) is None
    assert dropped(peers, IDENTITY_MISMATCH) > 5000
    for n in range(1, 6):
        assert peers.receive_datagram(packet(1, n), HERE, 0)
    assert peers.receive_datagram(packet(2), ("192.0.2.8", 1), 0)


def test_true_copies_from_elsewhere_cost_a_peer_nothing():
    peers = table()
    peers.joined(key(1), (LINK_STREAM, HERE[0], 1))
    copy = packet(1, 1)
    for now in range(1000):
        peers.receive_datagram(copy, THERE, now)
    assert peers.receive_datagram(packet(1, 2), HERE, 1000)


def test_a_flood_in_its_name_does_not_starve_a_trusted_peer_that_returns():
    trusted = device_id(key(2))
    for source in (HERE, ("192.0.2.99", 1)):  # in the table, at its old place or a new one; or not
        for before in (True, False):
            peers = table({trusted: key(2)}.get)
            if before:
                assert peers.receive_datagram(packet(2, 1), HERE, 0)
            for now in range(10000):
                peers.receive_datagram(packet(2, 900000 + 70000 * now % 1000000), THERE, now)
            assert peers.receive_datagram(packet(2, 2), source, 10000) or peers.receive_datagram(
                packet(2, 3), source, 10001
            )
            assert peers.get(trusted).source == source


def test_one_host_does_not_fill_the_table_of_strangers():
    peers = table()
    for n in range(200):  # each of them twice: they are there
        peers.receive_datagram(packet(100 + n, 1, 600), THERE, 1000 * n)
        peers.receive_datagram(packet(100 + n, 2, 600), THERE, 1000 * n)
    for n in range(1, 9):
        source = ("192.0.2.%d" % n, 1)
        assert peers.receive_datagram(packet(n, 1), source, 200000 + n)
        assert peers.receive_datagram(packet(n, 2), source, 200000 + n)
    for n in range(200):
        peers.receive_datagram(packet(300 + n, 1, 600), THERE, 210000 + 100 * n)
    assert all(peers.get(device_id(key(n))).online for n in range(1, 9))


def test_a_peer_that_starts_anew_is_taken_with_its_second_announcement():
    for start in (10000000, 5):
        peers = table()
        peers.receive_datagram(packet(1, 1000), HERE, 0)
        assert peers.receive_datagram(packet(1, start), HERE, 1000) is None
        assert peers.receive_datagram(packet(1, start + 1), HERE, 2000)
        assert peers.get(device_id(key(1))).sequence == start + 1
        assert peers.next_event().kind == EV_ONLINE and peers.next_event() is None


# Two nodes with one key


def clones(peers) -> list:
    found = []
    event = peers.next_event()
    while event is not None:
        if event.kind == EV_CLONED_KEY:
            found.append((event.peer, event.about, label(event.code)))
        event = peers.next_event()
    return found


def test_two_hosts_that_announce_one_id_are_noticed_once():
    peers = table()
    for n in range(10):
        peers.receive_datagram(packet(1, 1000 + n), HERE, 20000 * n)
        peers.receive_datagram(packet(1, 900000 + n), THERE, 20000 * n + 7000)
    ((device, where, said),) = clones(peers)
    assert device == device_id(key(1)) and where in (HERE[0], THERE[0])
    assert said == "discovery.warn.cloned_key"


def test_a_node_with_two_interfaces_or_that_moves_is_one_node():
    peers = table()
    for n in range(20):  # the same packets by two ways
        assert peers.receive_datagram(packet(1, 1000 + n), (HERE, THERE)[n % 2], 20000 * n)
        assert peers.receive_datagram(packet(1, 1000 + n), (THERE, HERE)[n % 2], 20000 * n) is None
    for n in range(20, 40, 3):  # it wanders
        for k in range(3):
            source = ("192.0.2.%d" % n, 1)
            assert peers.receive_datagram(packet(1, 1000 + n + k), source, 20000 * (n + k))
    peers.receive_datagram(packet(1, 5), THERE, 900000)  # and starts anew elsewhere
    peers.receive_datagram(packet(1, 6), THERE, 900001)
    assert clones(peers) == []


def test_another_node_with_ones_own_key_is_noticed():
    said = Announcement(device_id(key(1)), key(1))
    said.sequence = 50
    peers = Peers(SMALL, said.id)
    assert peers.receive_datagram(packet(1, 60), THERE, 0) is None
    assert clones(peers) == []  # it says nothing itself: nobody can tell
    peers.own = said
    peers.own_hosts = {HERE[0]}
    peers.receive_datagram(packet(1, 50), THERE, 1)  # one's own, come back
    peers.receive_datagram(packet(1, 60), HERE, 2)  # another program of this machine
    assert clones(peers) == []
    for now in range(3, 600000, 10000):
        peers.receive_datagram(packet(1, 60 + now), THERE, now)
    assert clones(peers) == [(said.id, THERE[0], "discovery.warn.cloned_key")]
    forged = Announcement(said.id, key(2))
    forged.sequence = 99
    peers.receive_datagram(forged.encode(), THERE, 2000000)
    assert clones(peers) == []


def test_services_that_only_make_a_question_longer_are_none():
    said = Announcement(device_id(key(1)), key(1), (), ("echo", "file", "a", "b"))
    peer, flags = table().receive_datagram(Announcer(said, 0, ASK_BYTES).ask(), HERE, 0)
    assert flags == FLAG_QUERY and peer.services == ("echo", "file", "a", "b")
