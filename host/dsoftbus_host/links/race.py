"""One of several addresses of a host: the first that answers (RFC 8305, "Happy Eyeballs")."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from dsoftbus.errors import END_HANDSHAKE_TIMEOUT, END_LINK_DOWN, PeerError
from dsoftbus_host.clock import now_ms
from dsoftbus_host.links import resolver
from dsoftbus_host.links.resolver import SocketAddress, written

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout

STAGGER_S = 0.25  # RFC 8305 section 5: Connection Attempt Delay


class Closable(Protocol):
    async def close(self) -> None: ...


Won = TypeVar("Won", bound=Closable)
Done = TypeVar("Done")
Attempt = Callable[[int, Any], Awaitable[Won]]


class Race:
    """Attempts to reach `host` at `port`, each at another address, begun one after the other,
    until `deadline` in ms.

    `pause(seconds)` is what waits between two of them: tests put their own clock there. `str` of
    a race says what it has tried, for errors.
    """

    def __init__(
        self,
        host: str,
        port: int,
        deadline: int,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._host, self._port = host, port
        self._place = f"{host}:{port}"
        self._deadline = deadline
        self._pause = pause
        self._waiting: list[SocketAddress] = []
        self._running: dict[asyncio.Task[Any], SocketAddress] = {}
        self._tried: dict[str, str] = {}  # and what came of it
        self._failures: list[Exception] = []
        self._held = False

    def __str__(self) -> str:
        tried = [f"{where}{why and ': '}{why}" for where, why in self._tried.items()]
        return f"{self._place} (tried {', '.join(tried)})" if len(tried) > 1 else self._place

    async def run(self, attempt: Attempt[Won]) -> Won:
        """A session with the host, as `among` has it. Raises OSError where it does not resolve."""
        found = await self.by_deadline(resolver.addresses(self._host, self._port))
        return await self.among(found, attempt)

    async def by_deadline(self, work: Awaitable[Done]) -> Done:
        """Returns the result of `work`, or raises PeerError(END_HANDSHAKE_TIMEOUT)."""
        try:
            async with timeout(max(self._deadline - now_ms(), 0) / 1000):
                return await work
        except (TimeoutError, asyncio.TimeoutError):  # two classes before Python 3.11
            raise PeerError(END_HANDSHAKE_TIMEOUT, self._place) from None

    async def among(self, addresses: list[SocketAddress], attempt: Attempt[Won]) -> Won:
        """Returns the result of the first `attempt(family, address)` that succeeds. The others are
        cancelled, and what they have come to is closed.

        The next one begins after STAGGER_S, or at once where one has failed. Raises the error of
        an attempt at which somebody was there and said no, else PeerError, which lists what was
        tried: END_HANDSHAKE_TIMEOUT, or END_LINK_DOWN.
        """
        if len(addresses) == 1:  # the caller's own task has it, and no turn of the loop is lost
            return await self._only(addresses[0], attempt)
        self._waiting = list(addresses)
        try:
            while self._waiting or self._running:
                if self._waiting and not self._held:
                    self._begin(attempt)
                winner: Won | None = await self._next()
                if winner is not None:
                    return winner
        finally:
            await self._end_others(list(self._running))
        raise self._failure()

    async def _only(self, address: SocketAddress, attempt: Attempt[Won]) -> Won:
        try:
            return await attempt(*address)
        except Exception as error:  # noqa: BLE001 - as in _next
            self._failed(address, error)
        raise self._failure()

    async def hold(self) -> None:
        """An attempt says that its peer answers: the others wait, until it should fail."""
        self._held = True
        me = asyncio.current_task()
        others = [task for task in self._running if task is not me]
        self._waiting[:0] = [self._running[task] for task in others]
        await self._end_others(others)

    def _begin(self, attempt: Attempt[Won]) -> None:
        family, address = self._waiting.pop(0)
        self._tried[written(address)] = ""
        task = asyncio.ensure_future(attempt(family, address))
        self._running[task] = (family, address)

    async def _next(self) -> Any:
        """Waits until an attempt has ended or the next is due; what the former has reached."""
        due = None
        if self._waiting and not self._held:
            due = asyncio.ensure_future(self._pause(STAGGER_S))
        tasks = [*self._running] + ([due] if due else [])
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if due is not None:
                due.cancel()
        for task in [task for task in self._running if task.done()]:
            address = self._running.pop(task)
            try:
                return task.result()
            except Exception as error:  # noqa: BLE001 - the last of them says it all
                self._failed(address, error)
        return None

    def _failed(self, address: SocketAddress, error: Exception) -> None:
        self._held = False
        self._failures.append(error)
        self._tried[written(address[1])] = _why(error)

    async def _end_others(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            self._running.pop(task, None)
            task.cancel()
        for reached in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(reached, BaseException):
                await reached.close()

    def _failure(self) -> Exception:
        silent: PeerError | None = None
        for error in self._failures:
            code = getattr(error, "code", END_LINK_DOWN)
            if code not in (END_LINK_DOWN, END_HANDSHAKE_TIMEOUT):
                return error
            if isinstance(error, PeerError) and code == END_HANDSHAKE_TIMEOUT:
                silent = error if silent is None or error.peer_code else silent
        if not self._failures:
            return OSError(f"{self._place}: no address")
        last = self._failures[-1]
        if silent is not None:
            failure = PeerError(silent.code, str(self), silent.peer_code)
        elif len(self._tried) > 1:
            failure = PeerError(END_LINK_DOWN, str(self))
        else:
            failure = PeerError(END_LINK_DOWN, f"{self._place}: {_why(last)}")
        failure.__cause__ = silent or last
        return failure


def _why(error: Exception) -> str:
    if getattr(error, "code", 0) == END_HANDSHAKE_TIMEOUT:
        return "no answer"
    detail = getattr(error, "strerror", None) or getattr(error, "detail", None)
    return str(detail or error)
