"""Streams of bytes for programs: reading, writing and their back-pressure."""

import asyncio

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
from dsoftbus.mux.stream import REMOTE_ENDED
from dsoftbus.mux.stream_states import CLOSED, OPENING, OPENING_FINISHED, RESET

if False:  # for types
    from collections.abc import Awaitable, Callable

    from dsoftbus.contracts import Any, Buffer, Data
    from dsoftbus_aio.connection import Connection


_CHUNK_BYTES = 65536  # as much as there is: a read takes no more room than that
# Made now: in an expression such a tuple is an allocation.
_OVER = (CLOSED, RESET)
_OPENING = (OPENING, OPENING_FINISHED)
_READER = (EV_READABLE, EV_RESET)  # events that concern the reader


class BusStream:
    """One stream of a session: bytes in order, or whole messages, in both directions.

    One task at a time may read and one may write. Reading is safe to cancel: what had come is
    there for the next read. A write that is cancelled has sent some of its bytes, or all.
    As a context manager it finishes at the end of the block, and resets when the block raises.
    """

    def __init__(self, connection: "Connection", stream: "Any") -> None:
        runtime = connection.runtime
        self.name = stream.name
        self.priority = stream.priority
        self._connection = connection
        self._stream = stream
        self._readable = runtime.signal()
        self._writable = runtime.signal()
        self._back = b""  # what a read had taken when it was cancelled
        stream.context = self

    @property
    def ended(self) -> bool:
        """Both directions are over; what has come may be unread still."""
        return self._stream.state in _OVER

    # Bytes

    async def write(self, data: "Data") -> None:
        """Sends all of `data`; waits while the peer's credit or the link is used up.

        `data` may be changed again once this returns. Raises BusError when the stream or its
        session has ended.
        """
        stream = self._stream
        if hasattr(data, "cast"):
            data = data.cast("B")  # a view that counts in other items than bytes
        at = 0
        end = len(data)
        try:
            while at < end or stream.pending:
                n = 0
                if at < end:
                    try:
                        n = stream.send(data, at)
                    except BusError:
                        self._check_end()
                        raise
                    at += n
                    self._connection.turn()
                if stream.pending or not n:
                    await self._until_writable()
                    self._check_end()
        except asyncio.CancelledError:
            stream.keep_loan()
            raise

    async def read(self, n: int = -1) -> bytes:
        """At most `n` bytes, at least one; b"" at the end. With -1, all up to the end."""
        if n < 0:
            return await self._read_all()
        data = self._back
        if data:
            self._back = data[n:]
            return data[:n]
        stream = self._stream
        ring = stream.ring
        while not ring.used:
            if stream.state in REMOTE_ENDED:
                self._check_end()
                return b""
            await self._readable.change()
        data = stream.recv(n)
        self._connection.turn_if_owed()
        return data

    async def _read_all(self) -> bytes:
        chunks = []
        try:
            chunk = await self.read(_CHUNK_BYTES)
            while chunk:
                chunks.append(chunk)
                chunk = await self.read(_CHUNK_BYTES)
        except asyncio.CancelledError:
            self._back = b"".join(chunks)
            raise
        return b"".join(chunks)

    async def readinto(self, buffer: "Buffer", at: int = 0) -> int:
        """Fills `buffer[at:]` with what is there, at least one byte; returns how many, 0 at the
        end."""
        if self._back:
            data = await self.read(len(buffer) - at)
            buffer[at : at + len(data)] = data
            return len(data)
        stream = self._stream
        while not stream.ring.used:
            if stream.state in REMOTE_ENDED:
                self._check_end()
                return 0
            await self._readable.change()
        n = stream.recv_into(buffer, at)
        self._connection.turn_if_owed()
        return n

    async def readexactly(self, n: int) -> bytes:
        """`n` bytes; raises PeerError(MALFORMED) when the stream ends before."""
        data = await self.read(n) if n else b""
        at = len(data)
        if at == n:
            return data
        out = bytearray(n)
        out[:at] = data
        try:
            while at < n:
                got = await self.readinto(out, at)
                if not got:
                    raise PeerError(
                        MALFORMED, "%s ended after %d of %d bytes" % (self.name, at, n)
                    )
                at += got
        except asyncio.CancelledError:
            self._back = bytes(out[:at])  # it waited, so nothing was back any more
            raise
        return bytes(out)

    def __aiter__(self) -> "BusStream":
        return self

    async def __anext__(self) -> bytes:
        chunk = await self.read(_CHUNK_BYTES)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    # Messages, on a stream that was opened for them: see `message_stream`

    async def send(self, message: "Data") -> None:
        """Sends one whole message."""
        raise LocalError(BAD_ARGUMENT, self.name + " carries bytes")

    async def receive(self) -> bytes | None:
        """The next whole message, or None at the end."""
        raise LocalError(BAD_ARGUMENT, self.name + " carries bytes")

    # Ending

    async def accepted(self) -> None:
        """Returns when the peer has accepted the stream; raises when it refuses."""
        while self._stream.state in _OPENING:
            await self._until_writable()
        self._check_end()

    async def finish(self) -> None:
        """Ends this direction; the peer reads up to here and then the end."""
        self._checked(self._stream.finish)
        self._connection.turn()

    def reset(self, code: int = STREAM_CANCELLED) -> None:
        """Ends both directions at once; what was not delivered is dropped."""
        stream = self._stream
        self._back = b""
        if not self.ended or stream.readable:
            stream.reset(code)
            self._connection.turn()

    def __aenter__(self) -> "Awaitable[BusStream]":
        """Enters the stream, which is reset if memory is lacking for that."""
        try:
            return self._entered()
        except MemoryError:
            self.reset()
            raise

    async def _entered(self) -> "BusStream":
        return self

    def __aexit__(self, kind: "Any", error: "Any", trace: "Any") -> "Awaitable[None]":
        if kind is not None:
            self.reset()
        else:
            self.end_in_order()
        return self._connection.runtime.nothing()

    # Ours: what its bus and its connection ask of it

    def end_in_order(self) -> None:
        """Finishes this direction, unless that is done or the stream is over."""
        if not (self._stream.finishing or self.ended):
            self._checked(self._stream.finish)
            self._connection.turn()

    def notify(self, kind: int) -> None:
        """An event of the core's stream."""
        if kind in _READER:
            self._readable.set()
        if kind != EV_READABLE:
            self._writable.set()

    def accept(self) -> bool:
        """Agrees to a stream that the peer opened; False when it has ended since, by a reset or
        with its session: then nobody is to take it up, whatever it brought."""
        if not self.ended:
            self._stream.accept()
            self._connection.turn()  # which may find the end of the session
        return not self.ended

    def _until_writable(self) -> "Awaitable[None]":
        """It is to be awaited; `_check_end()` then shows what has become of the stream."""
        self._check_end()
        self._stream.want_writable()
        return self._writable.change()

    def _check_end(self) -> None:
        """Raises when the stream did not end in order."""
        code = self._stream.code
        if code:
            cause = self._connection.cause
            if cause is not None and cause.code == code:
                raise cause
            raise (LocalError if code == END_LOCAL else PeerError)(code, self.name)

    def _checked(self, call: "Callable[..., Any]", *args: "Any") -> "Any":
        """Calls the core; a stream that has ended says why rather than `local.bad_state`."""
        try:
            return call(*args)
        except BusError:
            self._check_end()
            raise
