"""Stream links over a library, which calls back where a socket has a descriptor to wait for."""

from __future__ import annotations

import asyncio
import errno

from dsoftbus_host import display
from dsoftbus_host.link_source import Source

# Bytes that wait at a link each way. What a session has on its way is bounded by its credit; this
# bounds what a library would keep beyond that for a peer that does not read.
HELD_BYTES = 1 << 18


# The libraries have loggers of their own, in which strangers would have their words. What matters
# of that is in ours.
QUIET = display.no_log()


class Links:
    """The library's links of a bus: they may have something to say after they were closed."""

    def __init__(self) -> None:
        self._live: set[LibraryLink] = set()
        self._changed = asyncio.Event()

    def add(self, link: LibraryLink) -> None:
        self._live.add(link)
        link.links = self

    def discard(self, link: LibraryLink) -> None:
        self._live.discard(link)
        self._changed.set()

    async def gone(self) -> None:
        """Waits until nothing is left of any of them: once they are closed that is a moment."""
        while self._live:
            self._changed.clear()
            await self._changed.wait()


class LibraryLink(Source):
    """A link whose bytes a library carries: the contract of `dsoftbus.pump`.

    A kind of link gives the library's bytes to `_arrived`, ends with `_finish`, and has `_send`.
    It keeps its library from bringing more while `full`, and `_on_room` says when there is room;
    at the end of all it calls `_gone`.
    """

    links: Links | None = None  # those of its bus

    def __init__(self) -> None:
        self._held = bytearray()  # has come, and was not taken
        self.ended = False  # nothing comes after that
        self.error: OSError | None = None  # why, where it was no end in order
        self._opened: asyncio.Future[None] | None = None  # of who waits for it
        self.open = False  # the library's own handshake is over

    # The contract

    @property
    def readable(self) -> bool:  # type: ignore[override] # a constant there
        return bool(self._held) or self.ended

    @property
    def full(self) -> bool:
        return len(self._held) >= HELD_BYTES

    def readinto(self, view: memoryview) -> int | None:
        held = self._held
        if not held:
            if self.error is not None:
                raise self.error
            return 0 if self.ended else None
        n = min(len(held), len(view))
        view[:n] = held[:n]
        del held[:n]
        self._on_room()
        return n

    def write(self, buffer: bytearray, at: int, stop: int) -> int | None:
        if self.ended or not self.open:  # a farewell, to a peer that has not come so far
            raise self.error or OSError(errno.ENOTCONN, "the link is not there")
        n = min(self._room(), stop - at)
        if n <= 0:
            return None
        self._send(bytes(memoryview(buffer)[at : at + n]))
        return n

    async def opened(self) -> None:
        """Waits until the library's own handshake is over. Raises OSError where it fails."""
        if not (self.open or self.ended):
            self._opened = asyncio.get_running_loop().create_future()
            await self._opened
        if not self.open:
            raise self.error or OSError(errno.ECONNRESET, "the link has ended")

    # For a kind of link

    def _arrived(self, data: bytes | bytearray | memoryview) -> None:
        if not self.ended:
            self._held += data

    def _open(self) -> None:
        self.open = True
        self._tell_opened()

    def _finish(self, error: OSError | None = None) -> None:
        if not self.ended:
            self.ended = True
            self.error = error
            self._tell_opened()

    def _gone(self) -> None:
        """Nothing is left of the link."""
        if self.links is not None:
            self.links.discard(self)

    def _tell_opened(self) -> None:
        if self._opened is not None and not self._opened.done():
            self._opened.set_result(None)

    def _room(self) -> int:
        """Returns how many bytes the library may be given now."""
        raise NotImplementedError

    def _send(self, data: bytes) -> None:
        raise NotImplementedError

    def _on_room(self) -> None:
        """The session has taken what had come: the library may bring more."""
