"""Acknowledgement ranges: what the receiver writes is what it has, newest first."""

from dsoftbus.packet.acks import (
    ACK_EVERY,
    ACK_FIXED,
    ACK_RANGE,
    RANGES_MAX,
    AckRanges,
    AckReader,
)
from dsoftbus.packet.rtt import ACK_DELAY_MS
from support import Random, raises


def read_ranges(acks, now=0, room=200):
    out = bytearray(room)
    ranges = acks.write(out, 0, room, now)
    reader = AckReader()
    reader.read(out, 0, ranges)
    return reader


def read(acks, now=0, room=200):
    """The reader, and the numbers that the acknowledgement covers."""
    reader = read_ranges(acks, now, room)
    covered = set()
    for i in range(reader.count):
        covered |= set(range(reader.low[i], reader.high[i] + 1))
    return reader, covered


def test_against_a_set():
    for seed in range(20):
        random = Random(seed)
        acks = AckRanges()
        taken = set()
        base = 0
        for _ in range(300):
            base += random.below(3)
            number = base + random.below(6)
            if number in taken:
                continue
            taken.add(number)
            acks.add(number, True, 0)
            assert acks.count <= RANGES_MAX
            reader, covered = read(acks)
            assert covered <= taken and reader.largest == max(taken)
            assert set(range(min(covered), max(taken) + 1)) & taken == covered, seed


def test_room_bounds_the_ranges():
    acks = AckRanges()
    for number in range(0, 20, 2):
        acks.add(number, True, 0)
    assert read(acks, room=ACK_FIXED + 3 * ACK_RANGE)[1] == {18, 16, 14}
    assert acks.write(bytearray(9), 0, 9, 0) == 0


def test_when_it_is_due():
    acks = AckRanges()
    assert acks.deadline() is None and not acks.due(99)
    acks.add(0, False, 5)
    assert acks.deadline() is None
    acks.add(1, True, 5)
    assert acks.deadline() == 5 + ACK_DELAY_MS and not acks.due(9) and acks.due(10)
    for number in range(2, 1 + ACK_EVERY):
        acks.add(number, True, 6)
    assert acks.due(6) and acks.deadline() == 0
    reader, _ = read(acks, now=16)
    assert reader.delay_ms == 10
    assert not acks.pending and acks.deadline() is None
    acks.add(9, True, 20)
    assert acks.due(20)  # out of order: something may be lost


def test_the_delay_is_that_of_the_largest_in_whatever_order_they_come():
    acks = AckRanges()
    delays = []
    for number, came, said in ((5, 100, 130), (6, 140, 150), (3, 160, 170), (9, 180, 185)):
        acks.add(number, True, came)
        delays.append(read_ranges(acks, said).delay_ms)
    assert delays == [30, 10, 30, 5]  # the one that came late moves nothing


def test_what_was_due_at_once_is_not_due_again():
    acks = AckRanges()
    acks.add(0, True, 0)
    acks.add(9, True, 0)
    assert acks.due(0) and read(acks)[1] == {0, 9}
    acks.add(10, True, 50)
    assert not acks.due(50) and acks.deadline() > 50


def test_fields_of_two_bytes():
    acks = AckRanges()
    numbers = list(range(300)) + list(range(1000, 1700))
    for number in numbers:
        acks.add(number, True, 10)
    reader, covered = read(acks, now=710)
    assert covered == set(numbers) and reader.delay_ms == 700
    assert (reader.low[0], reader.high[0], reader.low[1], reader.high[1]) == (1000, 1699, 0, 299)


def test_very_long_ranges_and_gaps():
    acks = AckRanges()
    acks.add(0, True, 0)
    acks.add(100000, True, 0)
    assert read(acks)[1] == {100000}  # the gap does not fit into its field
    acks = AckRanges()
    acks._insert(0)
    acks._last[0] = 70000
    reader = read_ranges(acks)
    assert (reader.low[0], reader.high[0]) == (70000 - 0xFFFE, 70000)


def test_what_cannot_be():
    def bad(*raw):
        raises(
            "core.reject.malformed_message", AckReader().read, bytes(raw), 0, (len(raw) - 6) // 4
        )

    bad(0, 0, 0, 5, 0, 0, 0, 0, 0, 0)  # no numbers
    bad(0, 0, 0, 5, 0, 0, 0, 1, 0, 1)  # a gap above the first range
    bad(0, 0, 0, 5, 0, 0, 0, 0, 0, 7)  # below 0
    bad(0, 0, 0, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1)  # no gap between two
    bad(0, 0, 0, 5, 0, 0, 0, 0, 0, 1, 0, 9, 0, 1)
    bad(0x40, 0, 0, 0, 0, 0, 0, 0, 0, 1)  # beyond 30 bits
