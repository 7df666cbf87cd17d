"""The search for what a path carries beyond 1200 bytes (RFC 8899), and paths that shrink."""

import sys

from dsoftbus.base.spares import Spares
from dsoftbus.const import DATAGRAM_MAX, HOST, SMALL
from dsoftbus.errors import MALFORMED, PeerError
from dsoftbus.packet.parts import PART_BYTES, RESENT, PartedInbox, PartedOutbox, split
from dsoftbus.packet.path_mtu import FULL_PACKETS, NO_PROBE, RAISE_MS, TRIES, PathMtu
from dsoftbus.packet.segments import SEGMENT_HEADER
from simulated import SUITE, Talk
from support import raises

WHOLE = sys.implementation.name == "cpython"
SIZE = 500000  # enough for the round trips of a search in slow start
FEW = SIZE if WHOLE else 60000  # where a part of it will do
LONG = 16384
ROOM = 20000


def talk(mtu=LONG, seed=1, size=SIZE, other_profile=None, **faults):
    faults["mtu"] = mtu
    faults.setdefault("latency_ms", 10)
    return Talk(seed, size, faults, HOST, LONG, other_profile, lambda kind, n: False)


def found(pair):
    """Returns what each side has found."""
    return [pair.sessions[node].reliable.path_mtu.size for node in (pair.a, pair.b)]


def longer(pair, size):
    """Counts the datagrams on the wire that were longer."""
    return sum(len(data) > size for _, _, data in pair.wire)


# The search


def test_the_ceiling_is_found_where_the_path_carries_it():
    pair = talk(size=2 * SIZE if WHOLE else SIZE).run()
    assert LONG in found(pair)
    assert pair.longest() == LONG
    pair.finish()


def test_the_largest_size_that_the_path_carries_is_found():
    sizes = ((1400, 1372), (1452, 1444), (1472, 1472), (9000, 8952))
    for mtu, size in sizes if WHOLE else sizes[2:3]:
        pair = talk(mtu).run()
        assert found(pair) == [size, size]
        assert longer(pair, mtu) <= 2 * TRIES
        pair.finish()


def test_a_path_of_1200_bytes_keeps_to_them():
    pair = talk(1200, size=FEW).run()
    assert found(pair) == [1200, 1200]
    assert longer(pair, 1200) <= 2 * TRIES
    pair.finish()


def test_a_peer_that_takes_1200_bytes_gets_no_more():
    pair = talk(other_profile=SMALL, size=FEW // 4).run()
    assert pair.longest() <= 1200
    pair.finish()


def test_little_is_sent_without_a_search():
    pair = talk(size=4000).run()
    assert pair.longest() <= 1200
    pair.finish()


def test_probes_and_all_else_may_get_lost():
    for seed in range(3 if WHOLE else 1):
        pair = talk(9000, seed, FEW, loss=50, duplicate=20, reorder=50, corrupt=20).run()
        assert max(found(pair)) <= 8952
        pair.finish()


class Reno(HOST):
    path_model = False


def test_lost_probes_are_no_sign_of_congestion():
    pair = Talk(1, FEW, {"mtu": 1472, "latency_ms": 10}, Reno, LONG)
    pair.run()
    assert max(found(pair)) > 1200
    for node in (pair.a, pair.b):
        congestion = pair.sessions[node].reliable.congestion
        assert congestion.threshold == congestion._limit  # never lost a packet


class Search(PathMtu):
    def __init__(self, ceiling=LONG):
        super().__init__(ceiling)
        for _ in range(FULL_PACKETS):
            assert not self.wanted
            self.on_filled()
        assert self.wanted


def test_three_lost_probes_end_the_search_for_ten_minutes():
    search = Search()
    now = 0
    for number in range(TRIES):
        assert search.due(now, 100)
        search.on_probe(number, now)
        assert not search.due(now + 100, 100)
        now += 101
    assert not search.due(now, 100) and search.number == NO_PROBE
    assert not search.due(now + RAISE_MS - 1, 100)
    assert search.due(now + RAISE_MS, 100)
    search.on_probe(TRIES, now + RAISE_MS)
    search.on_acked()
    assert search.size == 1372 and search.wanted


def test_a_ceiling_between_the_sizes_is_tried_itself():
    search = Search(1300)
    search.on_probe(0, 0)
    search.on_acked()
    assert search.size == 1300 and not search.wanted


def test_an_acknowledgement_that_comes_too_late_finds_nothing():
    search = Search()
    search.on_probe(7, 0)
    assert search.due(101, 100)
    assert search.number == NO_PROBE and search.size == DATAGRAM_MAX


# A path that changes


def shrink(pair, mtu):
    """The path carries less from now on, and nobody says so."""
    pair.network.path(pair.a.address, pair.b.address).faults.mtu = mtu  # of both ways


def until_found(pair, size):
    pair.world.run(60000, lambda: None not in pair.sessions.values() and found(pair)[0] >= size)
    assert found(pair)[0] >= size, pair.what


def test_a_path_that_shrinks_is_noticed_and_loses_no_byte():
    paths = ((1, 1472, 1472), (2, 1200, 1200), (3, 1400, 1372))
    for seed, mtu, size in paths if WHOLE else paths[:1]:
        pair = talk(LONG, seed)
        until_found(pair, 8952)
        before = pair.world.now_ms
        shrink(pair, mtu)
        pair.run(before + 60000)
        assert found(pair)[0] <= size
        pair.finish()


def test_a_path_that_shrinks_among_losses_loses_no_byte():
    for seed in range(3 if WHOLE else 1):
        pair = talk(LONG, seed, loss=20, reorder=50, duplicate=20)
        until_found(pair, 8952)
        shrink(pair, 1300)
        pair.run()
        pair.finish()


def test_with_another_path_the_search_starts_afresh():
    pair = talk(LONG)
    until_found(pair, 8952)
    shrink(pair, 1472)
    pair.network.move(pair.a.link)
    pair.a.turn()
    pair.run()
    assert pair.sessions[pair.b].moves == 1 and found(pair)[1] <= 1472
    pair.finish()


# Parts: the sender's side


def outbox(room=ROOM, lengths=(), limit=8):
    box = PartedOutbox(Spares(4, ROOM), limit, room, PathMtu(LONG))
    for length in lengths:
        box.begin()
        box.sent(box.commit(SEGMENT_HEADER + length))
    return box


def taken(box):
    numbers = []
    while box.has_lost:
        number = box.take_lost()
        if number >= 0:
            numbers.append(number)
    return numbers


def test_a_long_segment_that_is_lost_goes_in_parts():
    box = outbox(lengths=(100, 3000))
    box.resize(1175)
    box.lost(0)
    box.lost(1)
    first, *parts = taken(box)
    assert first == 0
    assert [split(number) for number in parts] == [(1, 0), (1, 1), (1, 2)]
    box.acked(parts[2])
    box.lost(parts[2])  # a copy of it
    box.lost(parts[0])
    assert taken(box) == [parts[0]]
    box.acked(0)
    box.acked(parts[0])
    assert not box.idle
    assert split(box.oldest()) == (1, 1)
    box.acked(parts[1])
    box.acked(parts[1])
    assert box.idle and box.base == 2


def test_a_long_segment_that_arrives_late_after_all_needs_no_parts():
    box = outbox(lengths=(3000,))
    box.resize(1175)
    box.lost(0)
    parts = [box.take_lost() for _ in range(2)]
    box.lost(0)  # another packet of it: its parts are on their way
    box.acked(0)
    for number in parts:
        box.lost(number)
    assert taken(box) == [] and box.idle


def test_the_outbox_holds_as_many_bytes_as_ever():
    box = outbox(lengths=(ROOM - SEGMENT_HEADER,) * 1, limit=16)
    assert 16 * DATAGRAM_MAX < ROOM and not box.has_room
    box.acked(0)
    assert box.has_room
    small = outbox(lengths=(10,) * 15, limit=16)
    assert small.has_room
    small.begin()
    small.commit(SEGMENT_HEADER + 10)
    assert not small.has_room


def test_a_long_segment_that_never_arrives_tells_of_the_path():
    box = outbox(lengths=(3000, 3000, 100))
    for _ in range(RESENT - 1):
        assert not box.unheard
        assert box.oldest() == 0
    assert not box.unheard
    assert box.oldest() == 0 and box.unheard
    box.resize(1175)
    assert not box.unheard
    other = outbox(lengths=(100, 3000))
    for _ in range(2 * RESENT):
        assert other.oldest() == 0
    assert not other.unheard  # a short one says nothing


# Parts: the receiver's side


def inbox(limit=8):
    return PartedInbox(Spares(4, 1175), limit, SUITE.copy, ROOM)


def pieces(total):
    frames = bytes(i * 7 & 0xFF for i in range(total))
    return frames, [frames[i : i + PART_BYTES] for i in range(0, total, PART_BYTES)]


def put(box, number, total, part, data):
    return box.put_part(number, total, part, data, 0, len(data))


def test_parts_in_any_order_and_twice_are_the_segment():
    box = inbox()
    frames, parts = pieces(2500)
    for part in (2, 0, 0, 2, 1):
        assert not box.has_next
        assert put(box, 0, 2500, part, parts[part])
    assert box.has_next and box.ready[: box.ready_stop] == frames
    assert put(box, 0, 2500, 1, parts[1])  # again: it is here
    box.release()
    assert put(box, 0, 2500, 1, parts[1])  # and was
    assert not box.has_next and box.expected == 1


def test_parts_that_cannot_be_are_refused():
    box = inbox()
    _, parts = pieces(2500)
    for total, part, data in (
        (2500, 0, parts[0][:-1]),  # short
        (2500, 2, parts[0]),  # longer than what is left
        (2500, 3, b"x"),  # beyond the end
        (0, 0, b"x"),
        (ROOM + 1, 0, parts[0]),
    ):
        raises(MALFORMED, put, box, 0, total, part, data)
    assert put(box, 0, 2500, 0, parts[0])
    raises(MALFORMED, put, box, 0, 2400, 1, parts[1])  # of another length than before


def test_parts_beyond_the_window_or_the_memory_have_to_come_again():
    box = inbox(2)
    _, parts = pieces(1500)
    assert not put(box, 2, 1500, 0, parts[0])
    assert put(box, 1, 1500, 0, parts[0])
    try:
        put(box, 0, 1500, 0, parts[0])
        raise AssertionError("there was room for 2400 bytes")
    except MemoryError:
        pass
    assert put(box, 1, 1500, 1, parts[1])
    try:
        box.hold(0, bytes(1000), 0, 1000)
        raise AssertionError("as above")
    except MemoryError:
        pass
    box.advance()  # the first came as a whole, in its turn
    assert box.has_next
    box.release()
    assert put(box, 2, 1500, 0, parts[0])


def test_a_segment_that_comes_as_a_whole_after_some_parts_frees_their_room():
    box = inbox(2)
    frames, parts = pieces(1500)
    for _ in range(3):
        number = box.expected + 1
        assert put(box, number, 1500, 1, parts[1])
        box.hold(number, frames, 0, 1500)
        assert put(box, number, 1500, 0, parts[0])
        assert put(box, box.expected, 500, 0, bytes(500))
        box.release()
        assert put(box, box.expected + 1, 800, 0, bytes(800))
        box.release()
        box.release()
    for _ in range(3):
        assert put(box, box.expected, 1500, 1, parts[1])
        box.advance()
    assert put(box, box.expected, 2400, 0, bytes(PART_BYTES))


def test_the_error_of_a_part_is_the_peers():
    try:
        put(inbox(), 0, 0, 0, b"x")
    except PeerError as error:
        assert error.code == MALFORMED
