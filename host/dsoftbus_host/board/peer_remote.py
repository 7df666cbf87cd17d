"""A board that is reached over the bus, by its console: what `remote` does over its cable.

Its node goes on meanwhile, so nothing has to start again but for `start`.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from dsoftbus.errors import BAD_STATE, BusError, LocalError
from dsoftbus.service import status
from dsoftbus.service.status import CallError
from dsoftbus_aio.bus import BaseBus
from dsoftbus_aio.connection import Connection
from dsoftbus_aio.peer import Peer
from dsoftbus_aio.services.log_watch import LogWatch
from dsoftbus_host.board.privileged import refused
from dsoftbus_host.board.remote import START_SECONDS, Remote
from dsoftbus_host.event_loop import Background

RUN = "dsoftbus/console/run"
RESET = "dsoftbus/console/reset"
PIECE = 1024  # bytes of a file in one call: a board's values are at most 4 KB
FILE_MAX = 1 << 26  # bytes: more than any board's flash
PARTS_MAX = 1 << 10  # of one answer
OUTPUT_MAX = 1 << 20  # characters of one answer: what is beyond is no board's
RESET_MS = 10000  # within which a board's sessions end, once it has said that it will start again
RETURN_MS = 90000  # until it is back: Wi-Fi takes its time
_LACKING = (
    'the board has no console: it does with "console": true in its config.json'
    " (`dsoftbus board config`)"
)
_NO_LOG = "it is back; it shows its start where it keeps a log (`logs` in its config.json)"
_SHOWN = 100  # characters of what makes no sense
Lasting = AbstractAsyncContextManager[tuple[BaseBus, Peer]]


class SourceError(OSError):
    """A source has ended with an error; its text is the board's traceback."""


class PeerTransport:
    """The console of one peer, as `Remote` uses the raw REPL at a cable."""

    def __init__(self, loop: Background, peer: Peer) -> None:
        self.peer = peer
        self._loop = loop
        self._connection: Connection = loop.run(peer.connected())

    @property
    def lives(self) -> bool:
        """Returns whether its session goes on."""
        return self._connection.cause is None

    def exec(self, program: str) -> bytes:
        """Runs a source; returns what it prints. Raises SourceError, LocalError."""
        return self.run(program)[0].encode()

    def eval(self, expression: str) -> Any:
        """The value of an expression, as far as `repr` says it. Raises as `exec`."""
        said = self.run(f"print(repr({expression}))")[0].strip()
        try:
            return ast.literal_eval(said)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise SourceError(f"{said[:_SHOWN]}: no value") from None

    def run(self, source: str, data: bytes = b"") -> tuple[str, bytes]:
        """(what the source prints, what it leaves as `result`); `data` is there by that name."""
        return self._loop.run(self._run(source, data))

    async def _run(self, source: str, data: bytes) -> tuple[str, bytes]:
        said, size, count, result = [], 0, 0, b""
        asked = self._parts([source, data] if data else source)
        async with contextlib.aclosing(asked) as parts:
            async for part in parts:
                count += 1
                if isinstance(part, str) and size < OUTPUT_MAX:
                    said.append(part)
                    size += len(part)
                elif isinstance(part, bytes) and count < PARTS_MAX:
                    result = part
                elif isinstance(part, list) and len(part) == 1 and isinstance(part[0], str):
                    raise SourceError("".join(said) + part[0])
                else:
                    raise LocalError(BAD_STATE, "the board says what is no answer of a console")
        return "".join(said), result

    async def _parts(self, value: Any) -> AsyncGenerator[Any, None]:
        with _as_lost(), refused("console", _LACKING):
            parts = self._connection.parts(RUN, value)
            try:
                async for part in parts:
                    yield part
            finally:
                parts.close()

    def fs_writefile(
        self, path: str, data: bytes, progress_callback: Callable[[int, int], None]
    ) -> None:
        """Writes a file in pieces. Raises as `exec`."""
        self.run(f"_file = open({path!r}, 'wb')\n")
        for at in range(0, len(data), PIECE):
            self.run("_file.write(data)\n", data[at : at + PIECE])
            progress_callback(min(at + PIECE, len(data)), len(data))
        self.run("_file.close()\n")

    def fs_readfile(
        self, path: str, progress_callback: Callable[[int, int], None] = lambda done, total: None
    ) -> bytes:
        """Reads a file in pieces. Raises FileNotFoundError, and as `exec`."""
        total = self._open(path)
        found = piece = self._next_piece()
        while piece:
            if len(found) > total:
                raise LocalError(BAD_STATE, f"{path}: the board sends more than it has said")
            progress_callback(len(found), total)
            piece = self._next_piece()
            found += piece
        self.run("_file.close()\n")
        return found

    def _open(self, path: str) -> int:
        """Opens a file to read; returns its size, which is one that a board can have."""
        try:
            self.run(f"import os\n_file = open({path!r}, 'rb')\n")
        except SourceError as error:
            if "ENOENT" in str(error):
                raise FileNotFoundError(path) from None
            raise
        size = self.eval(f"os.stat({path!r})[6]")
        if type(size) is not int or not 0 <= size <= FILE_MAX:
            raise LocalError(BAD_STATE, f"{path}: the board says a size that no file of it has")
        return size

    def _next_piece(self) -> bytes:
        return self.run(f"result = _file.read({PIECE})\n")[1]

    def restart(self) -> None:
        """Starts the board again; returns once there is another session with it.

        Raises BusError where it does not come back in time.
        """
        self._loop.run(self._restart())

    async def _restart(self) -> None:
        with refused("console", _LACKING):
            await self._connection.call(RESET)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._connection.ended(), RESET_MS / 1000)
        if self._connection.cause is None:
            await self._connection.close()  # it has gone without a word
        self._connection = await self.peer.connected(RETURN_MS)

    def begun(self, seconds: float) -> list[str]:
        """The lines of the board's log since its start, until it says that it has started, or for
        so long; what there is where it keeps no log."""
        return self._loop.run(self._begun(seconds))

    async def _begun(self, seconds: float) -> list[str]:
        connection = self._connection
        found: list[str] = []
        with contextlib.closing(connection.read_logs(follow=True)) as watch:
            try:
                await asyncio.wait_for(_until_started(watch, found), seconds)
            except asyncio.TimeoutError:
                pass
            except CallError as error:
                if error.code not in (status.DENIED, status.NO_METHOD):
                    raise
                return [f"dsoftbus {connection.peer_id} {connection.peer_name}", _NO_LOG]
        return found


async def _until_started(watch: LogWatch, found: list[str]) -> None:
    async for record in watch:
        found.append(record.text)
        if record.text == "started":
            return


@contextlib.contextmanager
def _as_lost() -> Iterator[None]:
    """An error of the session is one of this side's, as that of a cable."""
    try:
        yield
    except LocalError:
        raise
    except BusError as error:
        if getattr(error, "code", 0) == status.TOO_LARGE:
            raise LocalError(BAD_STATE, "the source is longer than the board takes") from None
        raise LocalError(BAD_STATE, f"the board went silent: {error}") from None


class PeerRemote(Remote):
    """A board over the bus."""

    group = 8  # a value of a board holds so many names

    def __init__(self, transport: PeerTransport) -> None:
        super().__init__(transport)
        self.transport = transport

    def leave(self) -> None:
        """Its programs run all the time."""

    def reset(self) -> None:
        """Its programs run all the time."""

    def start(self, seconds: float = START_SECONDS) -> str:
        """Starts the board again; what its log says of that."""
        self.transport.restart()
        self._places = False
        return "\n".join(self.transport.begun(seconds))


@contextlib.contextmanager
def connected(reached: Lasting) -> Iterator[PeerRemote]:
    """The board that `reached` gives, at its console."""
    with Background() as loop:
        stack = AsyncExitStack()
        try:
            _, peer = loop.run(stack.enter_async_context(reached))
            yield PeerRemote(PeerTransport(loop, peer))
        finally:
            loop.run(stack.aclose())
