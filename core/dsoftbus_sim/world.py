"""Virtual time: what is to happen, in the order of its time."""

from heapq import heappop, heappush

from dsoftbus_sim.chance import Chance

if False:  # for types
    from collections.abc import Callable


class World:
    """`now_ms` is the clock of every node. Time moves from event to event, in microseconds:
    a fast link sends several datagrams in one ms."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = Chance(seed)
        self.now_us = 0
        self._queue: list[tuple[int, int, Callable[[], object]]] = []
        self._serial = 0  # of two events at one time the earlier made goes first

    @property
    def now_ms(self) -> int:
        return self.now_us // 1000

    def at(self, time_us: int, action: "Callable[[], object]") -> None:
        """`action()` is called when it is `time_us`."""
        self._serial += 1
        heappush(self._queue, (max(time_us, self.now_us), self._serial, action))

    def after_ms(self, delay_ms: int, action: "Callable[[], object]") -> None:
        self.at(self.now_us + delay_ms * 1000, action)

    def run(self, ms: int, until: "Callable[[], bool] | None" = None) -> bool:
        """Lets `ms` pass, or less: it ends when `until()` is true, and returns whether it is."""
        end_us = self.now_us + ms * 1000
        while self._queue and self._queue[0][0] <= end_us:
            if until is not None and until():
                return True
            self.now_us, _, action = heappop(self._queue)
            action()
        if until is not None and until():
            return True
        self.now_us = end_us
        return False
