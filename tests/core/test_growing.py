"""Rings that grow behave as those that have all their slots from the beginning."""

from dsoftbus.base.spares import Spares
from dsoftbus.packet.growing import FIRST, GrowingRecovery
from dsoftbus.packet.parts import PartedInbox, PartedOutbox
from dsoftbus.packet.path_mtu import PathMtu
from dsoftbus.packet.recovery import NO_SEGMENT, Recovery
from dsoftbus.packet.rtt import Rtt
from dsoftbus.packet.segments import AHEAD, BEYOND, NEXT, SEGMENT_HEADER, Inbox, Outbox
from dsoftbus_sim.chance import Chance

MOST = 100  # no power of two: the last step is a short one
ROOM = 200


class Nothing:
    """Stands for a congestion control that is not looked at."""

    def on_sent(self, size):
        pass

    def on_lost(self, number, size, newest):
        pass


class Lost(Outbox):
    """Stands for an outbox: what was lost, in its order."""

    def __init__(self):
        super().__init__(spares(), 1)
        self.segments = []

    def sent(self, segment):
        pass

    def lost(self, segment):
        self.segments.append(segment)


def spares():
    return Spares(2 * MOST, ROOM)


def outboxes():
    return Outbox(spares(), MOST), PartedOutbox(spares(), MOST, ROOM, PathMtu(ROOM))


def begin(outbox, text):
    buffer = outbox.begin()
    stop = SEGMENT_HEADER + len(text)
    buffer[SEGMENT_HEADER:stop] = text
    number = outbox.commit(stop)
    outbox.sent(number)
    return number


def test_an_outbox_that_grows_gives_the_same_segments():
    chance = Chance(3)
    plain, grows = both = outboxes()
    last = 0
    for turn in range(4000):
        what = chance.below(10)
        assert plain.has_room == grows.has_room and plain.has_lost == grows.has_lost
        if what < 4 and plain.has_room:
            last, other = [begin(each, b"%d" % turn) for each in both]
            assert last == other
        elif what < 6:
            number = plain.base + chance.below(max(last - plain.base + 1, 1))
            for each in both:
                each.acked(number)
        elif what < 8:
            number = plain.base + chance.below(max(last - plain.base + 1, 1))
            for each in both:
                each.lost(number)
        elif plain.has_lost:
            number = plain.take_lost()
            assert grows.take_lost() == number
            stop = plain.stop(number)
            assert plain.buffer(number)[:stop] == grows.buffer(number)[:stop]
            for each in both:
                each.sent(number)
        assert (plain.base, plain.oldest()) == (grows.base, grows.oldest())
    assert grows.limit == MOST  # it had to grow to its end


def test_an_outbox_of_a_quiet_session_stays_small():
    _, grows = outboxes()
    for _ in range(10 * FIRST):
        grows.acked(begin(grows, b"quiet"))
    assert grows.limit == FIRST


def copy(dst, at, src, start, n):
    dst[at : at + n] = src[start : start + n]


def test_an_inbox_that_grows_takes_the_same_segments():
    chance = Chance(4)
    plain, grows = both = Inbox(spares(), MOST, copy), PartedInbox(spares(), MOST, copy, ROOM)
    for _ in range(4000):
        number = max(plain.expected - 3 + chance.below(MOST + 6), 0)
        place = plain.place(number)
        assert grows.place(number) == place
        if place == AHEAD:
            for each in both:
                each.hold(number, b"%5d" % number, 0, 5)
        elif place == NEXT:
            for each in both:
                each.advance()
        while plain.has_next:
            assert grows.has_next and plain.ready[:5] == grows.ready[:5]
            for each in both:
                each.release()
        assert (plain.expected, plain.held) == (grows.expected, grows.held)
    assert grows.place(plain.expected + MOST) == BEYOND


def test_a_recovery_that_grows_loses_the_same_packets():
    lost = [Lost(), Lost()]
    most = 2 * MOST + FIRST
    plain = Recovery(most, lost[0], Rtt(), Nothing())
    grows = GrowingRecovery(MOST, lost[1], Rtt(), Nothing())
    for number in range(2 * most):
        assert plain.has_room == grows.has_room
        for each in (plain, grows):
            each.sent(number, 100, number if number % 3 else NO_SEGMENT, number)
    for each in (plain, grows):
        each.restart()
    assert lost[0].segments == lost[1].segments
    assert len(lost[0].segments) == len([n for n in range(2 * most) if n % 3])
