"""One file of an update, on its way over a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dsoftbus_host.update.calls import STREAM


async def put(
    connection: Any, data: bytes, name: str, progress: Callable[[int, int], None]
) -> None:
    """Sends one file, as much of it as the peer lacks. Raises BusError."""
    raise NotImplementedError(STREAM)
