"""Files beside a bare stream that copies them, as `scp` does; a part of `make bench`.

Both go over one session, read a file in pieces of the same size and write another, which is on
the medium at the end. A share does more: access, marks, SHA-256 on both sides, and a partial file
that is renamed.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from bench import BusPair, compared, rows
from stopwatch import Figure, Spent, Stopwatch

from dsoftbus.const import SUITE_AESGCM_SHA256
from dsoftbus_aio.stream import BusStream
from dsoftbus_host.storage.shared_folder import CHUNK_BYTES


class Shares(BusPair):
    """A pair whose server shares a folder, and a file to send there."""

    def __init__(self, suite: int, folder: Path, size: int) -> None:
        super().__init__(suite)
        self._served = folder / "served"
        self._served.mkdir()
        self._file = folder / "file"
        self._file.write_bytes(os.urandom(size))
        self.server.share(self._served)

    async def share(self) -> Spent:
        """Stores the file with the server."""
        (self._served / "file").unlink(missing_ok=True)
        with Stopwatch() as watch:
            await self.near.send(self._file)
        return watch.spent

    async def fetch(self) -> Spent:
        """Fetches it from there; `share` has stored it."""
        here = self._file.with_name("here")
        here.mkdir(exist_ok=True)
        (here / "file").unlink(missing_ok=True)
        with Stopwatch() as watch:
            await self.near.fetch("file", here)
        return watch.spent

    async def bare(self) -> Spent:
        """Copies it over a stream."""
        near, far = await self._stream("copy")
        with Stopwatch() as watch:
            await asyncio.gather(
                _read_file(self._file, near), _write_file(self._file.with_name("copy"), far)
            )
        return watch.spent


async def _read_file(path: Path, stream: BusStream) -> None:
    view = memoryview(bytearray(CHUNK_BYTES))
    with path.open("rb", buffering=0) as file:
        while n := file.readinto(view):
            await stream.write(view[:n])
    await stream.finish()
    await stream.read()


async def _write_file(path: Path, stream: BusStream) -> None:
    view = memoryview(bytearray(CHUNK_BYTES))
    with path.open("wb", buffering=0) as file:
        while n := await stream.readinto(view):
            file.write(view[:n])
        await asyncio.to_thread(os.fsync, file.fileno())
    await stream.finish()


async def beside_a_stream(rounds: int, size: int) -> list[dict]:
    """A row for a file that is sent, and one for a file that is fetched."""
    with tempfile.TemporaryDirectory() as folder:
        async with Shares(SUITE_AESGCM_SHA256, Path(folder), size) as pair:
            spent = await compared(rounds, [pair.share, pair.fetch, pair.bare])
    figure = Figure("MB/s", size / 1e6, True)
    return rows(spent, ["file, sent", "file, fetched"], figure, "bare stream, file to file")
