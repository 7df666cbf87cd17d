"""Waiting in MicroPython's asyncio: for a socket, and for a change that an event tells of."""

import asyncio


def _io_queue():
    """The running loop's queue of sockets, as MicroPython's own asyncio streams use it."""
    return asyncio.core._io_queue  # type: ignore[attr-defined] # the stubs leave `core` out


def readable(sock):
    """`await readable(sock)`: until there is something to read, or the socket has failed."""
    yield _io_queue().queue_read(sock)


def writable(sock):
    """`await writable(sock)`: until it takes bytes, or has failed."""
    yield _io_queue().queue_write(sock)


async def change(event) -> None:
    """Until the next `event.set()`: for loops that look again at what they wait for."""
    event.clear()
    await event.wait()
