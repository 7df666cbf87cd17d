"""The queues on both sides of a path: bounded, in order, each segment once."""

from dsoftbus.base.codec import copy, get_u32
from dsoftbus.base.spares import Spares
from dsoftbus.packet.segments import AHEAD, BEYOND, NEXT, OLD, SEGMENT_HEADER, Inbox, Outbox
from support import Random


def put(outbox, n=10):
    outbox.begin()
    number = outbox.commit(SEGMENT_HEADER + n)
    outbox.sent(number)
    return number


def test_outbox_is_bounded_and_in_order():
    outbox = Outbox(Spares(8, 100), 4)
    assert outbox.idle and outbox.oldest() == -1
    assert [put(outbox) for _ in range(4)] == [0, 1, 2, 3]
    assert not outbox.has_room
    outbox.acked(2)
    assert not outbox.has_room and outbox.base == 0
    outbox.acked(0)
    assert outbox.base == 1 and outbox.oldest() == 1
    assert put(outbox) == 4 and get_u32(outbox.buffer(4), 1) == 4
    for number in (1, 3, 4, 4):
        outbox.acked(number)
    assert outbox.idle


def test_lost_segments_go_again_oldest_first():
    outbox = Outbox(Spares(16, 100), 8)
    for _ in range(6):
        put(outbox)
    for number in (4, 1, 3, 1):
        outbox.lost(number)
    outbox.acked(3)
    assert outbox.has_lost
    assert [outbox.take_lost() for _ in range(3)] == [1, 4, -1]
    assert not outbox.has_lost


def test_a_segment_is_lost_only_with_all_its_copies():
    outbox = Outbox(Spares(16, 100), 8)
    put(outbox)
    outbox.sent(0)
    outbox.lost(0)
    assert not outbox.has_lost
    outbox.lost(0)
    assert outbox.take_lost() == 0


def test_nothing_is_ever_forgotten():
    """Random fates: in the end each segment was acknowledged, and none is queued twice."""
    for seed in range(10):
        random = Random(seed)
        outbox = Outbox(Spares(16, 100), 8)
        flying = []
        made = 0
        while made < 200 or not outbox.idle:
            again = outbox.take_lost()
            if again >= 0:
                outbox.sent(again)
                flying.append(again)
            elif outbox.has_room and made < 200:
                flying.append(put(outbox))
                made += 1
            if flying and random.below(3):
                segment = flying.pop(random.below(len(flying)))
                if random.below(3):
                    outbox.acked(segment)
                else:
                    outbox.lost(segment)
        assert outbox.base == 200 and not outbox.has_lost


def test_inbox_places():
    inbox = Inbox(Spares(4, 100), 4, copy)
    assert inbox.place(0) == NEXT and inbox.place(1) == inbox.place(3) == AHEAD
    assert inbox.place(4) == BEYOND
    inbox.hold(2, b"..two", 2, 5)
    assert inbox.place(2) == OLD and inbox.held == 1
    inbox.advance()
    assert not inbox.has_next and inbox.place(0) == OLD
    inbox.advance()
    assert inbox.has_next and inbox.place(2) == OLD
    assert bytes(inbox.ready[: inbox.ready_stop]) == b"two"
    inbox.release()
    assert inbox.expected == 3 and inbox.held == 0
    assert not inbox.has_next and inbox.place(3) == NEXT and inbox.place(6) == AHEAD


def test_buffers_are_used_again():
    pool = Spares(2, 10)
    first = pool.take()
    pool.give(first)
    assert pool.take() is first and pool.take() is not first
