"""Streams for programs: reading, writing and their back-pressure, on asyncio."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from dsoftbus.const import EV_READABLE, EV_RESET
from dsoftbus.errors import (
    BAD_ARGUMENT,
    END_LOCAL,
    MALFORMED,
    STREAM_CANCELLED,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.session.messages import MessageStream
from dsoftbus.session.states import CLOSED, OPENING, OPENING_FINISHED, RESET
from dsoftbus.session.streams import Stream

if TYPE_CHECKING:
    from types import TracebackType

    from dsoftbus_host.connection import Connection

CHUNK_BYTES = 65536


class BusStream:
    """One stream of a session: bytes in order, or whole messages, in both directions.

    One task at a time may read and one may write. As a context manager it finishes at the end
    of the block, and resets when the block raises.
    """

    def __init__(self, connection: Connection, stream: Stream) -> None:
        self._connection = connection
        self._stream = stream
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        stream.context = self

    @property
    def name(self) -> str:
        return self._stream.name

    @property
    def priority(self) -> int:
        return self._stream.priority

    @property
    def ended(self) -> bool:
        """Both directions are over; what has come may be unread still."""
        return self._stream.state in (CLOSED, RESET)

    # Bytes

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends all of `data`; waits while the peer's credit or the link is used up.

        `data` may be changed again once this returns. Raises BusError when the stream or its
        session has ended.
        """
        stream = self._stream
        view = memoryview(data).cast("B") if isinstance(data, memoryview) else data
        at, end = 0, len(view)
        while at < end or stream.pending:
            if at < end:
                try:
                    at += stream.send(view, at)
                except BusError:
                    self._check_end()
                    raise
                self._connection.turn()
            if stream.pending or (at < end and not stream.credit):
                await self._writable()

    async def read(self, n: int = -1) -> bytes:
        """At most `n` bytes, at least one; b"" at the end. With -1, all up to the end."""
        if n < 0:
            return b"".join([chunk async for chunk in self])
        stream = self._stream
        while not stream.ring.used:
            if stream.at_end:
                self._check_end()
                return b""
            await self._readable()
        data = stream.recv(n)
        self._connection.turn_if_owed()
        return data

    async def readinto(self, buffer: bytearray | memoryview, at: int = 0) -> int:
        """Fills `buffer[at:]` with what is there, at least one byte; returns how many, 0 at the
        end."""
        stream = self._stream
        while not stream.ring.used:
            if stream.at_end:
                self._check_end()
                return 0
            await self._readable()
        n: int = stream.recv_into(buffer, at)
        self._connection.turn_if_owed()
        return n

    async def readexactly(self, n: int) -> bytes:
        """`n` bytes; raises PeerError(MALFORMED) when the stream ends before."""
        first = await self.read(n) if n else b""
        return first if len(first) == n else first + await self._rest(n - len(first))

    async def _rest(self, n: int) -> bytes:
        out = bytearray(n)
        at = 0
        while at < n:
            got = await self.readinto(out, at)
            if not got:
                raise PeerError(MALFORMED, f"{self.name} ended {n - at} bytes too early")
            at += got
        return bytes(out)

    def __aiter__(self) -> BusStream:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self.read(CHUNK_BYTES)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    # Messages

    async def send(self, message: bytes | bytearray | memoryview) -> None:
        """Sends one whole message, on a stream that was opened for messages."""
        stream = self._stream
        while not self._checked(stream.send_message, message):
            await self._writable()
        self._connection.turn()
        while stream.pending:
            await self._writable()

    async def receive(self) -> bytes | None:
        """The next whole message, or None at the end."""
        stream = self._stream
        if not isinstance(stream, MessageStream):
            raise LocalError(BAD_ARGUMENT, f"{self.name} carries bytes")
        while (size := self._checked(lambda: stream.message_bytes)) < 0:
            if self.ended or stream.at_end:
                self._check_end()
                return None
            await self._readable()
        out = bytearray(size)
        stream.recv_message_into(out)
        self._connection.turn_if_owed()
        return bytes(out)

    # Ending

    async def finish(self) -> None:
        """Ends this direction; the peer reads up to here and then the end."""
        self._checked(self._stream.finish)
        self._connection.turn()

    def reset(self, code: int = STREAM_CANCELLED) -> None:
        """Ends both directions at once; what was not delivered is dropped."""
        if not self.ended or self._stream.ring.used:
            self._stream.reset(code)
            self._connection.turn()

    async def __aenter__(self) -> BusStream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.reset()
        elif not (self._stream.finishing or self.ended):
            await self.finish()

    # What its connection tells it

    def notify(self, kind: int) -> None:
        """An event of the core's stream."""
        if kind == EV_READABLE:
            reader = self._reader
            if reader is not None and not reader.done():
                reader.set_result(None)
        elif kind == EV_RESET:
            _wake(self._reader)
            _wake(self._writer)
        else:
            _wake(self._writer)

    def accept(self) -> bool:
        """Agrees to a stream that the peer opened; False when it has ended since, by a reset or
        with its session: then nobody is to take it up, whatever it brought."""
        if not self.ended:
            self._stream.accept()
            self._connection.turn()  # which may find the end of the session
        return not self.ended

    async def accepted(self) -> None:
        """Returns when the peer has accepted the stream; raises when it refuses."""
        while self._stream.state in (OPENING, OPENING_FINISHED):
            await self._writable()
        self._check_end()

    async def _readable(self) -> None:
        self._reader = self._connection.loop.create_future()
        await self._reader

    async def _writable(self) -> None:
        self._check_end()
        self._stream.want_writable()
        self._writer = self._connection.loop.create_future()
        try:
            await self._writer
        except asyncio.CancelledError:
            self._stream.keep_loan()
            raise
        self._check_end()

    def _check_end(self) -> None:
        """Raises when the stream did not end in order."""
        code = self._stream.code
        if code:
            cause = self._connection.cause
            if cause is not None and cause.code == code:
                raise cause
            raise (LocalError if code == END_LOCAL else PeerError)(code, self.name)

    def _checked(self, call, *args):  # type: ignore[no-untyped-def] # passes a core call through
        """Calls the core; a stream that has ended says why rather than `local.bad_state`."""
        try:
            return call(*args)
        except BusError:
            self._check_end()
            raise


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
