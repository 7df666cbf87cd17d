"""One file of an update, on its way over a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dsoftbus.errors import PeerError
from dsoftbus_aio.services import share_asking
from dsoftbus_aio.services.share_files import File
from dsoftbus_host.update.calls import STREAM


class _Bytes(File):
    """A file that is in memory, and stays as it is."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data
        self._at = 0

    def readinto(self, view: Any) -> int:
        part = self._data[self._at : self._at + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def seek(self, at: int) -> None:
        self._at = at

    def changed(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing was opened."""


async def put(connection: Any, data: bytes, name: str, told: Callable[[int], None]) -> None:
    """Sends one file, as much of it as the peer lacks; `told(bytes so far)` hears how far it is.
    Raises BusError."""
    try:
        await share_asking.put(connection, _Bytes(data), name, True, told, STREAM)
    except PeerError as error:  # which names a share
        raise PeerError(error.code, name, error.peer_code) from None
