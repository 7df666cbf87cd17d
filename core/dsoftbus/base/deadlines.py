"""Deadlines of many, by their ms: what is due is found without a look at what is not."""

if False:  # for types
    from dsoftbus.contracts import Deadline


class Deadlines:
    """Keeps a deadline in ms for each key, an int.

    A deadline that moves away costs nothing: its key is given at the earlier time, and whoever
    takes it puts it back with the later one. To find the earliest costs more the more different
    ones there are, however many keys have them: callers put far ones together.
    """

    def __init__(self) -> None:
        self._due: dict[int, int] = {}  # by key
        self._at: dict[int, set[int]] = {}  # keys, by deadline
        self._first: Deadline = None  # the earliest, where it is known

    def put(self, key: int, deadline: "Deadline") -> None:
        """`key` is due at `deadline`, if not before; None: never."""
        before = self._due.get(key)
        if before is not None:
            if deadline is not None and deadline >= before:
                return
            self._drop(key, before)
        if deadline is None:
            return
        self._due[key] = deadline
        keys = self._at.get(deadline)
        if keys is None:
            self._at[deadline] = {key}
            if self._first is not None and deadline < self._first:
                self._first = deadline
        else:
            keys.add(key)

    def early(self, key: int, until: int) -> bool:
        """Tells whether `key` is due at `until`, or before."""
        due = self._due.get(key)
        return due is not None and due <= until

    def first(self) -> "Deadline":
        """The earliest deadline in ms, or None."""
        if self._first is None and self._at:
            self._first = min(self._at)
        return self._first

    def take(self, now: int) -> int:
        """Takes out a key that is due at `now`, and returns it; -1 where there is none."""
        first = self.first()
        if first is None or first > now:
            return -1
        key = next(iter(self._at[first]))
        self._drop(key, first)
        return key

    def _drop(self, key: int, deadline: int) -> None:
        del self._due[key]
        keys = self._at[deadline]
        keys.discard(key)
        if not keys:
            del self._at[deadline]
            if deadline == self._first:
                self._first = None
