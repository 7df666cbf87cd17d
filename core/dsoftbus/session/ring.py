"""The receive buffer of a stream: a ring that its owner makes once."""


class Ring:
    """Bytes in arrival order, at most `capacity`. The caller checks the room (credit does)."""

    def __init__(self, capacity: int, copy):
        self._use(capacity)
        self._copy = copy
        self._head = 0
        self.used = 0

    def _use(self, capacity: int) -> None:
        self._buffer = bytearray(capacity)
        self._view = memoryview(self._buffer)

    @property
    def capacity(self) -> int:
        return len(self._buffer)

    def put(self, src, start: int, n: int) -> None:
        size = len(self._buffer)
        tail = self._head + self.used
        if tail >= size:
            tail -= size
        first = size - tail
        if n <= first:
            self._copy(self._buffer, tail, src, start, n)
        else:
            self._copy(self._buffer, tail, src, start, first)
            self._copy(self._buffer, 0, src, start + first, n - first)
        self.used += n

    def byte(self, index: int) -> int:
        """The byte `index` places from the front, without taking it."""
        at = self._head + index
        size = len(self._buffer)
        return self._buffer[at - size if at >= size else at]

    def take_into(self, dst, at: int, n: int) -> None:
        """Moves the first `n` bytes (n <= used) to `dst` at `at`."""
        first = len(self._buffer) - self._head
        if n <= first:
            self._copy(dst, at, self._buffer, self._head, n)
        else:
            self._copy(dst, at, self._buffer, self._head, first)
            self._copy(dst, at + first, self._buffer, 0, n - first)
        self.drop(n)

    def view(self):
        """The first contiguous run, borrowed until the next call that changes the ring."""
        stop = min(self._head + self.used, len(self._buffer))
        return self._view[self._head : stop]

    def take(self, n: int) -> bytes:
        """The first `n` bytes, or as many as lie together at the front."""
        head = self._head
        n = max(min(n, self.used, len(self._buffer) - head), 0)
        data = bytes(self._view[head : head + n])
        self.drop(n)
        return data

    def drop(self, n: int) -> None:
        """Forgets the first `n` bytes (n <= used)."""
        self.used -= n
        self._head += n
        if self._head >= len(self._buffer):
            self._head -= len(self._buffer)
        if not self.used:
            self._head = 0  # so that the next put needs one copy, not two

    def grow(self, capacity: int) -> None:
        """A bigger buffer; only while nothing is held."""
        self._use(capacity)
