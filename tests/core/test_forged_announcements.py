"""Forged announcements, floods in a peer's name, and two nodes with one key."""

from announced import HERE, THERE, dropped, key, packet, table
from dsoftbus.const import EV_CLONED_KEY, EV_ONLINE, LINK_STREAM, SMALL
from dsoftbus.discovery.announce import FLAG_QUERY, Announcement
from dsoftbus.discovery.announcer import ASK_BYTES, Announcer
from dsoftbus.discovery.peers import Peers
from dsoftbus.errors import IDENTITY_MISMATCH, label
from dsoftbus.identity import device_id

# What forgers do: they know ids and keys, for these are said to everyone


def deaf_for(peers, forged, now: int = 100) -> int:
    """Returns how many announcements of the true peer 1, HERE, are lost after these (packet,
    source)."""
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
    flood = [packet(2, 900000 + 70000 * n % 1000000) for n in range(100)]  # then they come again
    for source in (HERE, ("192.0.2.99", 1)):  # in the table, at its old place or a new one; or not
        for before in (True, False):
            peers = table({trusted: key(2)}.get)
            if before:
                assert peers.receive_datagram(packet(2, 1), HERE, 0)
            for n in range(3250):  # 10 s: 125 for each that is let in, at the end 500
                now = 4 * n if n < 2250 else 6750 + n
                peers.receive_datagram(flood[n % 100], THERE, now)
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
