"""The scheduler: exact shares, bounded starvation, round robin within a class."""

from dsoftbus.const import PRIORITY_BURST
from dsoftbus.mux.scheduler import Scheduler
from dsoftbus.mux.stream import Stream
from support import Random


class Queued(Stream):
    def __init__(self, priority, name=""):
        self.priority = priority
        self.name = name


def turn(schedule):
    """One dequeue; whoever had it queues again."""
    stream = schedule.peek()
    schedule.pop()
    schedule.push(stream)
    return stream


def saturated(priorities):
    schedule = Scheduler(64)
    for priority in priorities:
        schedule.push(Queued(priority))
    return schedule


def test_eight_saturated_classes_share_a_round_of_15_exactly():
    schedule = saturated(range(8))
    for _ in range(20):
        order = [turn(schedule).priority for _ in range(15)]
        assert order == [0] * 8 + [1, 2, 3, 4, 5, 6, 7]


def test_two_classes_share_eight_to_one():
    schedule = saturated((2, 5))
    assert [turn(schedule).priority for _ in range(18)] == ([2] * 8 + [5]) * 2


def test_one_class_goes_round_robin():
    schedule = Scheduler(64)
    for name in "abc":
        schedule.push(Queued(3, name))
    assert "".join([turn(schedule).name for _ in range(9)]) == "abcabcabc"


def test_a_class_alone_waits_for_nobody():
    schedule = saturated((7,))
    assert [turn(schedule).priority for _ in range(20)] == [7] * 20


def test_a_class_that_comes_late_waits_no_longer_than_the_budget():
    schedule = saturated((0,))
    for _ in range(100):
        turn(schedule)
    schedule.push(Queued(7))
    order = [turn(schedule).priority for _ in range(9)]
    assert order == [0] * 8 + [7]


def test_a_class_that_empties_begins_its_wait_anew():
    schedule = saturated((0, 4))
    for _ in range(PRIORITY_BURST - 1):
        assert turn(schedule).priority == 0
    gone = schedule._queues[4][0]
    schedule.remove(gone)
    schedule.push(gone)
    assert [turn(schedule).priority for _ in range(9)] == [0] * 8 + [4]


def test_no_waiting_class_is_passed_more_often_than_its_budget_allows():
    random = Random(5)
    schedule = Scheduler(64)
    waited = [0] * 8
    for _ in range(5000):
        if random.below(3) or not schedule.waiting:
            priority = random.below(8)
            if len(schedule._queues[priority] or ()) < 5:
                schedule.push(Queued(priority))
                continue
        chosen = schedule.peek()
        schedule.pop()
        for level in range(8):
            if level == chosen.priority or not schedule._queues[level]:
                waited[level] = 0
            elif level > chosen.priority:
                waited[level] += 1
                # its own budget, and the turns of the due classes above it
                assert waited[level] <= PRIORITY_BURST + level


def test_remove_keeps_the_order_of_the_others():
    schedule = Scheduler(64)
    streams = [Queued(1, name) for name in "abcd"]
    for stream in streams:
        schedule.push(stream)
    schedule.remove(streams[1])
    assert "".join([turn(schedule).name for _ in range(6)]) == "acdacd"
    for stream in (streams[0], streams[2], streams[3]):
        schedule.remove(stream)
    assert not schedule.waiting
