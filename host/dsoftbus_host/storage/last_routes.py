"""The addresses at which trusted peers were last reached: a hint for networks on which they are
not heard.

JSON, `{ID: [KIND, HOST, PORT]}`. It decides nothing, so one that is damaged or absent is empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from dsoftbus.const import LINK_BROKER, LINK_DATAGRAM, LINK_STREAM
from dsoftbus_host.address import LINK_QUIC, LINK_WS, LINK_WSS, PORT_MAX
from dsoftbus_host.storage.atomic_file import place, writing

Route = tuple[int, str, int]
_KINDS = (LINK_STREAM, LINK_DATAGRAM, LINK_QUIC, LINK_WS, LINK_WSS)


def beside(trust_path: Path) -> Path:
    """The file that goes with a trust store."""
    return trust_path.with_name(trust_path.name + ".places")


def load(path: Path) -> dict[str, Route]:
    try:
        found = json.loads(path.read_text())
        return {device: route for device, value in found.items() if (route := _route(value))}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def remember(path: Path, device: str, route: Route, trusted: Iterable[str]) -> None:
    """Notes the route to `device`; who is not among `trusted` is forgotten.

    Raises OSError, LocalError(STORE_BUSY).
    """
    known = set(trusted) | {device}
    with writing(path):
        before = load(path)
        after = {other: there for other, there in before.items() if other in known}
        after[device] = route
        if after != before:
            place(path, json.dumps(after).encode())


def _route(value: object) -> Route | None:
    match value:
        case [int(kind), str(host), int(port)] if kind in _KINDS and 0 < port <= PORT_MAX:
            return kind, host, port
        case [int(kind), str(host), 0] if kind == LINK_BROKER:
            return kind, host, 0
    return None
