"""A node that shares a folder, another that has sessions with it, and streams by hand."""

import asyncio
import hashlib
import os
import random

from backend import run
from dsoftbus.const import SHARE_STREAM
from dsoftbus.share.messages import put_header
from dsoftbus_aio.services.share_moving import read_header
from dsoftbus_host.bare_bus import ANYONE, BareBus
from node_pair import HOST, A, B


class Served:
    """`bus` shares a folder; `session` and `other` are one peer's, `stranger` is another's."""

    def __init__(self, tmp_path, **options) -> None:
        self.folder = tmp_path / "served"
        self.folder.mkdir(exist_ok=True)
        self.transfers = []
        self.errors = []
        self.bus = BareBus(A, allow=ANYONE)
        self.bus.on_error = self.errors.append
        self._options = options
        self._client = BareBus(B)
        self._third = BareBus(bytes([9]) * 32)
        self.peer_id = self._client.id

    async def __aenter__(self):
        self.bus.share(self.folder, on_transfer=self._on_transfer, **self._options)
        self._port = await self.bus.listen(HOST)
        self.session = await self.connected()
        self.other = await self.connected()
        return self

    async def __aexit__(self, *_):
        for bus in (self._client, self._third, self.bus):
            await bus.close()

    async def connected(self):
        return await self._client.connect(HOST, self._port, self.bus.public)

    async def stranger(self):
        return await self._third.connect(HOST, self._port, self.bus.public)

    def _on_transfer(self, transfer) -> None:
        self.transfers.append((transfer.verb, transfer.name, transfer.code))

    @property
    def names(self) -> list:
        return sorted(os.listdir(self.folder))

    async def until(self, condition) -> None:
        while not condition():
            await asyncio.sleep(0.001)


def with_served(tmp_path, test, **options) -> None:
    async def main():
        async with Served(tmp_path, **options) as served:
            await test(served)

    run(main())


def make_file(path, size: int):
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def digest(path) -> bytes:
    return sha(path.read_bytes())


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


async def asked(session, *request):
    """A stream that begins with this request."""
    stream = await session.open(SHARE_STREAM)
    await stream.write(put_header(list(request)))
    return stream


async def putting(session, name: str, size: int, replace: bool = False):
    """A stream on which a file is put: (stream, the receiver's marks)."""
    stream = await asked(session, "put", name, size, replace)
    return stream, await read_header(stream)


async def put(session, name: str, data: bytes, replace: bool = False, cut: int = -1):
    """Puts `data` by hand, from its beginning, or only `cut` bytes of it: returns the stream."""
    stream, _ = await putting(session, name, len(data), replace)
    await stream.write(put_header(0) + data[: len(data) if cut < 0 else cut])
    return stream
