"""The service manager that started this program hears of its state: sd_notify(3) of systemd."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket


async def serve_until(end: asyncio.Event) -> None:
    """Waits for `end`; the manager hears that the node serves, and that it is being stopped."""
    _tell("READY=1")
    try:
        await end.wait()
    except asyncio.CancelledError:
        _tell("STOPPING=1")
        raise


def _tell(state: str) -> None:
    """Sends the state to the socket in `NOTIFY_SOCKET`; without one nobody asks for it."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path[:1] not in ("/", "@") or not hasattr(socket, "AF_UNIX"):
        return
    address = "\0" + path[1:] if path[0] == "@" else path
    with (
        contextlib.suppress(OSError),  # a manager that is gone is no reason to fail
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.setblocking(False)
        manager.sendto(state.encode(), address)
