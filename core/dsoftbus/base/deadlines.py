"""Deadlines of many, in a heap: what is due is found without a look at what is not."""

from heapq import heapify, heappop, heappush

if False:  # for types
    from dsoftbus.contracts import Deadline


_STALE = 64  # entries that may lie in the heap in vain, besides as many as there are deadlines


class Deadlines:
    """Keeps a deadline in ms for each key, an int.

    A deadline that moves away costs nothing: its key is given at the earlier time, and whoever
    takes it puts it back with the later one.
    """

    def __init__(self) -> None:
        self._due: dict[int, int] = {}  # by key
        self._heap: list[tuple[int, int]] = []  # (deadline, key), some of them stale

    def put(self, key: int, deadline: "Deadline") -> None:
        """`key` is due at `deadline`, if not before; None: never."""
        due = self._due
        if deadline is None:
            due.pop(key, None)
            return
        before = due.get(key)
        if before is None or deadline < before:
            due[key] = deadline
            heappush(self._heap, (deadline, key))
            if len(self._heap) > 2 * len(due) + _STALE:
                self._sweep()

    def early(self, key: int, until: int) -> bool:
        """Tells whether `key` is due at `until`, or before."""
        due = self._due.get(key)
        return due is not None and due <= until

    def first(self) -> "Deadline":
        """The earliest deadline in ms, or None."""
        heap = self._heap
        while heap and self._due.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def take(self, now: int) -> int:
        """Takes out a key that is due at `now`, and returns it; -1 where there is none."""
        first = self.first()
        if first is None or first > now:
            return -1
        key = heappop(self._heap)[1]
        del self._due[key]
        return key

    def _sweep(self) -> None:
        """Leaves the stale entries out."""
        self._heap = [(deadline, key) for key, deadline in self._due.items()]
        heapify(self._heap)
