"""The updater's side, as short as it can be: what `dsoftbus update` says to a board."""

from __future__ import annotations

import hashlib
from typing import Any

from dsoftbus.share.messages import put_header
from dsoftbus.update.manifest import MANIFEST
from dsoftbus_aio.services.share_moving import read_header
from update_board import Version, announced, manifest


async def ask(connection: Any, word: str, value: object = None, timeout_ms: int = 20000) -> Any:
    return await connection.call("dsoftbus/update/" + word, value, timeout_ms)


async def put(connection: Any, name: str, data: bytes) -> int:
    """Sends a file as a share does; returns how many bytes went."""
    async with await connection.open("dsoftbus/update") as stream:
        await stream.write(put_header(["put", name, len(data), True]))
        marks = await read_header(stream)
        offset = next((at for at, sha in marks if sha == digest(data[:at])), 0)
        await stream.write(put_header(offset))
        await stream.write(data[offset:] + digest(data))
        await stream.finish()
        assert await read_header(stream) == 0
        return len(data) - offset


async def send(connection: Any, track: str, version: str, files: Version, **more: object) -> int:
    """Begins, and sends all files; returns the bytes that went."""
    await ask(connection, "begin", announced(track, version, files, **more))
    sent = await put(connection, MANIFEST, manifest(version, files))
    for name in sorted(files):
        sent += await put(connection, name, files[name])
    return sent


async def update(connection: Any, track: str, version: str, files: Version, **more: object) -> int:
    """The same, up to the board's reset."""
    sent = await send(connection, track, version, files, **more)
    await ask(connection, "commit")
    return sent


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
