"""One file of an update, on its way over a session."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

from dsoftbus.errors import PeerError
from dsoftbus_aio.services import share_asking
from dsoftbus_host.storage.shared_folder import OpenFile
from dsoftbus_host.update.calls import STREAM


async def put(connection: Any, data: bytes, name: str, told: Callable[[int], None]) -> None:
    """Sends one file, as much of it as the peer lacks; `told(bytes so far)` hears how far it is.
    Raises BusError."""
    with tempfile.TemporaryFile() as file:  # shares hash what has a descriptor
        file.write(data)
        file.flush()
        try:
            await share_asking.put(connection, OpenFile(file), name, True, told, STREAM)
        except PeerError as error:  # which names a share
            raise PeerError(error.code, name, error.peer_code) from None
