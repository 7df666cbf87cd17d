"""An update of this board under way: its calls and its files (docs/updates.md).

Boards load this when a peer asks for it (`update_gate`), and let go of it afterwards.
"""

import asyncio

from dsoftbus.const import EV_RESET
from dsoftbus.errors import (
    MALFORMED,
    STREAM_CANCELLED,
    UPDATE_BUSY,
    UPDATE_FILE,
    UPDATE_NO_SPACE,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.service.call_messages import OWN
from dsoftbus.service.share_marks import mark_offsets
from dsoftbus.service.share_messages import DONE, PUT, get_offset, get_request
from dsoftbus.service.status import CallError
from dsoftbus.service.updater import SILENCE_MS, Updater
from dsoftbus_aio.services.call_line import denied
from dsoftbus_aio.services.own_calls import UPDATE
from dsoftbus_aio.services.restart import restart
from dsoftbus_aio.services.share_moving import Moving, read_header, write_header

if False:  # for types
    from collections.abc import Callable, Iterator

    from dsoftbus.contracts import Any
    from dsoftbus.service.share_messages import Request
    from dsoftbus.service.update_part import SlotPart
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.stream import BusStream

_MARK_STEP = 512
_NO_SPACE = 28  # ENOSPC, which MicroPython does not name


class Turns:
    """The files of a board, as `share_moving` asks them: each piece of work is one turn."""

    chunk = 1024  # bytes
    hashing = None  # as each piece passes

    async def aside(self, call: "Callable[..., Any]", *arguments: "Any") -> "Any":
        """Calls it after others had their turn."""
        await asyncio.sleep(0)
        return call(*arguments)


class Updating:
    """The calls and streams of `update`. One piece of work at a time changes what is on the
    flash."""

    def __init__(self, bus: "BaseBus", place: "Any") -> None:
        self._bus = bus
        self._place = place
        self._updater = Updater(place)
        self._stream: BusStream | None = None  # that a file comes over
        self._working = False
        self._over = bus.runtime.signal()  # some work is

    def in_use(self) -> bool:
        """Returns whether somebody has the updater's place, or works on the flash."""
        session = self._updater.session
        if session is not None and (session.closed or self._now() >= self._updater.silent_at):
            self._updater.release()
        return self._working or self._updater.session is not None

    def _now(self) -> int:
        return self._bus.now()

    # Calls

    async def answer(self, word: str, connection: "Connection", value: "Any") -> "Any":
        """The answer to the call `dsoftbus/update/WORD`. Raises CallError."""
        try:
            if word == "state":
                return self._updater.state()
            if word == "begin":
                return await self._begin(connection, value)
            if word == "confirm":
                return self._updater.confirm(value)
            return await self._restarted(word, connection, value)
        except (BusError, OSError) as error:
            detail = error.detail if isinstance(error, BusError) else repr(error)
            raise CallError(_code(error), detail) from None

    async def _begin(self, connection: "Connection", value: "Any") -> "Any":
        if self.in_use() and self._updater.session not in (None, connection.session):
            raise LocalError(UPDATE_BUSY, "another updater is at work")
        while self._working:
            if self._stream is None:  # what was to be tried is read back
                raise LocalError(UPDATE_BUSY, "its end is under way")
            self._stream.reset(UPDATE_BUSY)  # of a session that is gone, or was silent
            self._stream.notify(EV_RESET)  # its reader is a task of this side
            await self._over.change()
        return self._updater.begin(connection.session, value, self._now())

    async def _restarted(self, word: str, connection: "Connection", value: "Any") -> None:
        """`commit` and `rollback`: the board starts again afterwards."""
        self._work()
        try:
            if word == "commit":
                await _turns(self._updater.commit(connection.session, self._now()))
            else:
                await _turns(self._updater.rollback(value))
        finally:
            self._rest()
        self._bus.spawn(restart(self._bus, self._place.reset))

    def _work(self) -> None:
        """Begins a piece of work. Raises LocalError(UPDATE_BUSY) while there is another."""
        if self._working:
            raise LocalError(UPDATE_BUSY, "one thing after the other")
        self._working = True

    def _rest(self) -> None:
        self._working = False
        self._stream = None
        self._over.set()

    # Files

    async def receive(self, connection: "Connection", stream: "BusStream") -> None:
        """The peer has opened a stream for a file."""
        code = denied(connection, False, OWN + UPDATE + "/state")
        if code:
            stream.reset(code)
            return
        try:
            request = get_request(await read_header(stream))
            if request.kind != PUT:
                raise PeerError(MALFORMED, request.kind)
            self._work()
            self._stream = stream
            try:
                await self._store(connection, stream, request)
            finally:
                self._rest()
        except (BusError, OSError) as error:
            stream.reset(_code(error))

    async def _store(
        self, connection: "Connection", stream: "BusStream", request: "Request"
    ) -> None:
        size = request.size
        part: Any = self._updater.part(connection.session, request.name, size, self._now())
        try:
            await _turns(self._updater.fill(part))
            files: Any = Turns()  # as much of `Files` as it asks
            moving: Any = Moving(files, stream)
            moving.told = self._heard
            sha = await moving.hashed(part, _offsets(part))
            marks = sha.marks()
            await write_header(stream, marks)
            offset = get_offset(await read_header(stream), marks, size)
            await moving.receive(part, offset, size, sha)
            part.store()
            await _turns(self._updater.stored(part))
        finally:
            part.keep()
        await write_header(stream, DONE)

    def _heard(self, _done: int) -> None:
        """Bytes have come: the updater is there."""
        self._updater.silent_at = self._now() + SILENCE_MS


def _offsets(part: "SlotPart") -> list[int]:
    """The beginnings that the peer hears of: all of it, where it may be whole."""
    part.look()
    offsets = mark_offsets(part.size, _MARK_STEP)
    if part.size == part.wanted and part.size and part.size not in offsets:
        offsets.append(part.size)
    return offsets


async def _turns(steps: "Iterator[None]") -> None:
    """Does the work, with a turn for others after each step."""
    for _ in steps:
        await asyncio.sleep(0)


def _code(error: Exception) -> int:
    """The code of an error of the bus, or of the flash."""
    if isinstance(error, BusError):
        return error.code
    if isinstance(error, OSError):
        return UPDATE_NO_SPACE if error.args[:1] == (_NO_SPACE,) else UPDATE_FILE
    return STREAM_CANCELLED
