"""The part of this layer that a port supplies (docs/porting.md): a clock, waiting, tasks, a watch
on links.

These classes are the contract. Ports write their own, with the same methods and arguments; a test
compares them. A callback here takes no arguments. One that raises is told to the bus, and called
again after a pause: most likely memory or descriptors were lacking, for the moment.
"""

if False:  # for types
    from collections.abc import Awaitable, Coroutine

    from dsoftbus.contracts import Any, Deadline
    from dsoftbus_aio.contracts import Callback


class Signal:
    """Wakes the tasks that wait for a change. A change that nobody waits for leaves no trace."""

    def set(self) -> None:
        """Wakes those that wait now."""
        raise NotImplementedError

    def change(self) -> "Awaitable[None]":
        """`await signal.change()`: until the next `set()`. Safe to cancel."""
        raise NotImplementedError


class Timer:
    """Calls its callback, once for each time that it was set."""

    def at(self, deadline: "Deadline") -> None:
        """The callback is due at `deadline` in ms, in place of what was set before. 0: once this
        turn of asyncio's loop is over; None: never."""
        raise NotImplementedError

    def close(self) -> None:
        """It is due no more."""
        raise NotImplementedError


class Watch:
    """Looks at a link, and calls back when there is something to do."""

    def want_write(self, on: bool) -> None:
        """Watches the link for writing, too, or no longer; it is not watched so at the start."""
        raise NotImplementedError

    def close(self) -> None:
        """The link is looked at no more. Comes before the link is closed."""
        raise NotImplementedError


class Runtime:
    """One for each bus."""

    def now(self) -> int:
        """Monotonic ms."""
        raise NotImplementedError

    def sleep(self, ms: int) -> "Awaitable[None]":
        """`await runtime.sleep(ms)`."""
        raise NotImplementedError

    def nothing(self) -> "Awaitable[None]":
        """`await runtime.nothing()`: what has been done already."""
        raise NotImplementedError

    def signal(self) -> Signal:
        raise NotImplementedError

    def timer(self, callback: "Callback") -> Timer:
        raise NotImplementedError

    def watch(
        self,
        waits_for: "Any",
        on_readable: "Callback",
        on_writable: "Callback | None" = None,
    ) -> Watch:
        """`waits_for` is what the port's links have under that name: a socket, a descriptor."""
        raise NotImplementedError

    def spawn(self, coroutine: "Coroutine[Any, Any, None]") -> "Any":
        """A task, with `cancel()` and `done()`. An Exception that ends it is told to the bus."""
        raise NotImplementedError

    def wall_clock(self) -> "Any":
        """The clock of the calendar: `now_us()` is what it says, in us since 1970, whether it was
        ever set or not; `await step(offset_us)` moves it, or raises Unsupported."""
        raise NotImplementedError

    async def close(self) -> None:
        """Ends all tasks but the one that calls, and all timers."""
        raise NotImplementedError
