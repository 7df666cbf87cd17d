"""Waiting in MicroPython's asyncio: for a socket, and for a change that an event tells of.

Nothing is allocated for it but what asyncio's own queue of sockets needs, so that a task that
waits does not end for a lack of memory. Each gives something to await, at once.
"""

import asyncio
import io

_ENTRY_BYTES = 512  # of asyncio's queue and of the poll, should both tables grow: half of that


class _Once:
    """Gives up the task's turn once; one for all, so that waiting allocates nothing."""

    def __init__(self):
        self.armed = False
        self._over = StopIteration()

    def __iter__(self):
        return self

    def __next__(self):
        if not self.armed:
            self._over.__traceback__ = None  # else it would grow each time
            raise self._over
        self.armed = False


_once = _Once()


def readable(sock):
    """`await readable(sock)`: until there is something to read, or the socket has failed."""
    return _until_ready(sock, False)


def writable(sock):
    """`await writable(sock)`: until it takes bytes, or has failed."""
    return _until_ready(sock, True)


def change(event):
    """`await change(event)`: until the next `event.set()`: for loops that look again at what they
    wait for."""
    core = asyncio.core  # type: ignore[attr-defined] # as below
    event.clear()
    event.waiting.push(core.cur_task)  # as event.wait() does, without a coroutine for it
    core.cur_task.data = event.waiting
    _once.armed = True
    return _once


def nothing():
    """`await nothing()`: what has been done already."""
    _once.armed = False
    return _once


def hasten(task) -> None:
    """Ends the sleep of `task`, which is in `sleep_ms`; allocates nothing."""
    if not task.data:  # else it is being cancelled, and comes by itself
        queue = asyncio.core._task_queue  # type: ignore[attr-defined] # as below
        queue.remove(task)
        queue.push(task)


def cancel(task) -> None:
    """Ends `task`, if there is one and it is not the one that runs."""
    if task is not None and task is not asyncio.current_task():
        task.cancel()


def _until_ready(sock, writing: bool):
    core = asyncio.core  # type: ignore[attr-defined] # the stubs leave `core` out
    queue = core._io_queue  # the running loop's, as MicroPython's own asyncio streams use it
    _reserve()
    if writing:
        queue.queue_write(sock)
    else:
        queue.queue_read(sock)
    _once.armed = True
    return _once


def _reserve() -> None:
    """Before a socket is registered with a poll: sees to it that there is memory for that.

    `poll.register` that finds none leaves half an entry, through which the next poll reads at
    address 0. What is taken here is given back at once. Raises MemoryError.
    """
    io.BytesIO(_ENTRY_BYTES).close()
