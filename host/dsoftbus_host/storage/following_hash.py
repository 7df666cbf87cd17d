"""The SHA-256 of a file beside its transfer: a thread follows what has passed, and reads it again.

Hashing takes as long as all else of a transfer does; a thread has another core for it.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

from dsoftbus.errors import SHARE_CHANGED, LocalError
from dsoftbus.share.marks import FileHash
from dsoftbus_aio.services.share_moving import Hashing

_STEP = 1 << 18  # bytes that are read at once
_LEAST = 1 << 20  # bytes that are worth a turn of the thread


class FollowingHash(Hashing):
    """Hashes the file that is open in `file`, on a descriptor of its own."""

    def __init__(self, file: Any, sha: FileHash) -> None:
        super().__init__(file, sha)
        self._handle = os.dup(file.fileno())
        self._end = sha.at
        self._work: asyncio.Future[None] | None = None

    def passed(self, view: Any, end: int) -> None:
        self._end = max(self._end, end)
        if self._work is None and self._end - self._sha.at >= _LEAST:
            self._begin()

    def _begin(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        work = self._work = loop.run_in_executor(None, self._catch_up, self._end)
        work.add_done_callback(self._pause)
        return work

    def _pause(self, work: asyncio.Future[None]) -> None:
        """`work` has ended; should it have failed, it stays for who asks for the digest."""
        if work is self._work and not work.cancelled() and work.exception() is None:
            self._work = None

    def _catch_up(self, end: int) -> None:
        sha = self._sha
        while sha.at < end:
            data = os.pread(self._handle, min(_STEP, end - sha.at), sha.at)
            if not data:
                raise LocalError(SHARE_CHANGED, "it has become shorter")
            sha.update(data)

    async def digest(self) -> bytes:
        while self._work is not None or self._sha.at < self._end:
            work = self._work or self._begin()
            await asyncio.shield(work)
            self._pause(work)  # which the loop may not have called yet, and then never would
        return await super().digest()

    def close(self) -> None:
        work = self._work
        if work is None or work.done():
            os.close(self._handle)
        else:  # a thread that reads from it is not to read from another file
            work.add_done_callback(lambda _: os.close(self._handle))


# Windows reads at no place but the next.
HASHING = FollowingHash if hasattr(os, "pread") else None
