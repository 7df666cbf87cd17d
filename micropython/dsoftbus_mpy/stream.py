"""Streams for programs: reading, writing and their back-pressure, on MicroPython's asyncio."""

import asyncio

from dsoftbus.const import EV_READABLE, EV_RESET, KIND_MESSAGES
from dsoftbus.errors import (
    BAD_ARGUMENT,
    END_LOCAL,
    MALFORMED,
    STREAM_CANCELLED,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.session.states import CLOSED, OPENING, OPENING_FINISHED, RESET
from dsoftbus_mpy.waiting import change, nothing

_CHUNK_BYTES = 4096
# Made now: in an expression such a tuple is an allocation.
_OVER = (CLOSED, RESET)
_OPENING = (OPENING, OPENING_FINISHED)
_READER = (EV_READABLE, EV_RESET)  # events that concern who reads


class BusStream:
    """One stream of a session: bytes in order, or whole messages, in both directions.

    One task at a time may read and one may write. As a context manager it finishes at the end
    of the block, and resets when the block raises.
    """

    def __init__(self, connection, stream):
        self._connection = connection
        self._stream = stream
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
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
        return self._stream.state in _OVER

    # Bytes

    async def write(self, data) -> None:
        """Sends all of `data`; waits while the peer's credit or the link is used up.

        `data` may be changed again once this returns. Raises BusError when the stream or its
        session has ended.
        """
        stream = self._stream
        at = 0
        end = len(data)
        try:
            while at < end or stream.pending:
                n = self._send(data, at) if at < end else 0
                at += n
                if stream.pending or not n:
                    await self._until_writable()
                    self._check_end()
        except asyncio.CancelledError:
            stream.keep_loan()
            raise

    def _send(self, data, at: int) -> int:
        try:
            n = self._stream.send(data, at)
        except BusError:
            self._check_end()
            raise
        if n:
            self._connection.turn()
        return n

    async def read(self, n: int = -1) -> bytes:
        """At most `n` bytes, at least one; b"" at the end. With -1, all up to the end."""
        if n < 0:
            return await self._read_all()
        if not await self._until_readable():
            return b""
        data = self._stream.recv(n)
        self._connection.turn_if_owed()
        return data

    async def _read_all(self) -> bytes:
        chunks = []
        chunk = await self.read(_CHUNK_BYTES)
        while chunk:
            chunks.append(chunk)
            chunk = await self.read(_CHUNK_BYTES)
        return b"".join(chunks)

    async def readinto(self, buffer, at: int = 0) -> int:
        """Fills `buffer[at:]` with what is there, at least one byte; returns how many, 0 at the
        end."""
        if not await self._until_readable():
            return 0
        n = self._stream.recv_into(buffer, at)
        self._connection.turn_if_owed()
        return n

    async def readexactly(self, n: int) -> bytes:
        """`n` bytes; raises PeerError(MALFORMED) when the stream ends before."""
        out = bytearray(n)
        at = 0
        while at < n:
            got = await self.readinto(out, at)
            if not got:
                raise PeerError(MALFORMED, "%s ended after %d of %d bytes" % (self.name, at, n))
            at += got
        return bytes(out)

    def __aiter__(self):
        return self

    async def __anext__(self) -> bytes:
        chunk = await self.read(_CHUNK_BYTES)
        if not chunk:
            raise StopAsyncIteration
        return chunk

    # Messages

    async def send(self, message) -> None:
        """Sends one whole message, on a stream that was opened for messages."""
        stream = self._stream
        while not self._checked(stream.send_message, message):
            await self._until_writable()
            self._check_end()
        self._connection.turn()
        try:
            while stream.pending:
                await self._until_writable()
                self._check_end()
        except asyncio.CancelledError:
            stream.keep_loan()
            raise

    async def receive(self):
        """The next whole message, or None at the end."""
        stream = self._stream
        if stream.kind != KIND_MESSAGES:
            raise LocalError(BAD_ARGUMENT, self.name + " carries bytes")
        size = self._checked(self._message_bytes)
        while size < 0:
            if self.ended or stream.at_end:
                self._check_end()
                return None
            await change(self._readable)
            size = self._checked(self._message_bytes)
        out = bytearray(size)
        stream.recv_message_into(out)
        self._connection.turn_if_owed()
        return bytes(out)

    def _message_bytes(self) -> int:
        return self._stream.message_bytes

    # Ending

    async def finish(self) -> None:
        """Ends this direction; the peer reads up to here and then the end."""
        self._finish()

    def _finish(self) -> None:
        try:
            self._stream.finish()
        except BusError:
            self._check_end()
            raise
        self._connection.turn()

    def reset(self, code: int = STREAM_CANCELLED) -> None:
        """Ends both directions at once; what was not delivered is dropped."""
        stream = self._stream
        if not self.ended or stream.readable:
            stream.reset(code)
            self._connection.turn()

    def __aenter__(self):
        """Who cannot enter for a lack of memory has no stream any more."""
        try:
            return self._entered()
        except MemoryError:
            self.reset()
            raise

    async def _entered(self):
        return self

    def __aexit__(self, kind, error, trace):
        if kind is not None:
            self.reset()
        elif not (self._stream.finishing or self.ended):
            self._finish()
        return nothing()

    # What its connection tells it

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

    async def accepted(self) -> None:
        """Returns when the peer has accepted the stream; raises when it refuses."""
        while self._stream.state in _OPENING:
            await self._until_writable()
        self._check_end()

    async def _until_readable(self) -> bool:
        """True when there are bytes, False at the end; raises where that came before its time."""
        stream = self._stream
        while not stream.readable:
            if stream.at_end:
                self._check_end()
                return False
            await change(self._readable)
        return True

    def _until_writable(self):
        """To be awaited; `_check_end()` then shows what has become of the stream."""
        self._check_end()
        self._stream.want_writable()
        return change(self._writable)

    def _check_end(self) -> None:
        """Raises when the stream did not end in order."""
        code = self._stream.code
        if code:
            cause = self._connection.cause
            if cause is not None and cause.code == code:
                raise cause
            raise (LocalError if code == END_LOCAL else PeerError)(code, self.name)

    def _checked(self, call, *args):
        """Calls the core; a stream that has ended says why rather than `local.bad_state`."""
        try:
            return call(*args)
        except BusError:
            self._check_end()
            raise
