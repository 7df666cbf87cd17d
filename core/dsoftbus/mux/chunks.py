"""The receive buffer of a stream on a host: payloads as objects of their own, each copied once.

A board's is a `Ring`, which allocates nothing. Here a program that reads gets the object into
which a payload was put, so that much is copied once less, and little needs fewer steps.
"""

from dsoftbus.base.codec import get_u32

if False:  # for types
    from dsoftbus.base.spares import Spares
    from dsoftbus.contracts import Buffer, Copy, Data


_JOINED = (
    512  # bytes; less joins what came before, or a peer's crumbs would need much more than it
)


class Chunks:
    """Bytes in arrival order, at most `capacity`. The caller checks the room (credit does)."""

    def __init__(self, capacity: int, copy: "Copy", spares: "Spares") -> None:
        self.capacity = capacity
        self._copy = copy
        self._chunks: list[bytes] = []
        self._head = 0  # bytes of the first chunk that have been read
        self.used = 0

    def put(self, src: "Data", start: int, n: int) -> None:
        """Takes `src[start:start + n]`."""
        chunks = self._chunks
        chunk = bytes(memoryview(src)[start : start + n])
        if n < _JOINED and chunks and len(chunks[-1]) < _JOINED:
            chunks[-1] += chunk
        else:
            chunks.append(chunk)
        self.used += n

    def u32(self) -> int:
        """The big-endian u32 at the front (4 <= used), which stays; -1 for 2**30 or more."""
        front = b""
        head = self._head
        for chunk in self._chunks:
            front += chunk[head : head + 4]
            if len(front) >= 4:
                break
            head = 0
        return get_u32(front, 0)

    def take_into(self, dst: "Buffer", at: int, n: int) -> None:
        """Moves the first `n` bytes (n <= used) to `dst` at `at`."""
        while n:
            chunk = self.take(n)
            self._copy(dst, at, chunk, 0, len(chunk))
            at += len(chunk)
            n -= len(chunk)

    def view(self) -> memoryview:
        """The first contiguous run, borrowed until the next call that changes the buffer."""
        return memoryview(self._chunks[0])[self._head :] if self.used else memoryview(b"")

    def take(self, n: int) -> bytes:
        """The first `n` bytes, or as many as lie together at the front."""
        if n <= 0 or not self.used:
            return b""
        head = self._head
        data = self._chunks[0]
        if head or n < len(data):
            data = data[head : head + n]
            self.drop(len(data))
        else:
            self._chunks.pop(0)
            self.used -= len(data)
        return data

    def drop(self, n: int) -> None:
        """Forgets the first `n` bytes (n <= used)."""
        self.used -= n
        n += self._head
        chunks = self._chunks
        while chunks and n >= len(chunks[0]):
            n -= len(chunks.pop(0))
        self._head = n
