"""A stream link in the simulation: bytes in order, after a while, or the end of the link."""

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Buffer
    from dsoftbus_sim.world import World


_ROOM = 65536  # bytes under way each way; then a writer waits, as with a socket


class PipeEnd:
    """One end of a pipe: a stream link (docs/porting.md). `on_change()` calls for a turn."""

    def __init__(self, world: "World", latency_ms: int) -> None:
        self._world = world
        self._latency_ms = latency_ms
        self._came = bytearray()
        self._under_way = 0
        self._ended = False  # no more will come
        self.other: PipeEnd = None  # type: ignore[assignment] # `pipe` joins two
        self.on_change: Callable[[], None] = None  # type: ignore[assignment] # the user sets it

    def readinto(self, view: memoryview) -> int | None:
        if not self._came:
            return 0 if self._ended else None
        n = min(len(view), len(self._came))
        view[:n] = memoryview(self._came)[:n]
        self._came = self._came[n:]
        self.other._took(n)
        return n

    def write(self, buffer: "Buffer", at: int, stop: int) -> int | None:
        if self._ended:
            raise OSError(32)  # EPIPE
        n = min(stop - at, _ROOM - self._under_way)
        if n <= 0:
            return None
        self._under_way += n
        data = bytes(memoryview(buffer)[at : at + n])
        self._world.after_ms(self._latency_ms, lambda: self.other._put(data))
        return n

    def close(self) -> None:
        self._world.after_ms(self._latency_ms, self.other._end)

    def _put(self, data: bytes) -> None:
        self._came += data
        self.on_change()

    def _took(self, n: int) -> None:
        self._under_way -= n
        self._world.after_ms(self._latency_ms, self.on_change)

    def _end(self) -> None:
        self._ended = True
        self.on_change()


def pipe(world: "World", latency_ms: int = 1) -> "tuple[PipeEnd, PipeEnd]":
    """Two ends of one pipe; give each its `on_change` before time goes on."""
    one = PipeEnd(world, latency_ms)
    other = PipeEnd(world, latency_ms)
    one.other = other
    other.other = one
    return one, other
