"""The state of a peer that takes updates, as it says it itself (docs/updates.md)."""

from __future__ import annotations

from typing import Any, NamedTuple

from dsoftbus.errors import MALFORMED, PeerError
from dsoftbus.update.tracks import SYSTEM

ROOT = "root"  # the version of what the cable has put there
_OF_BOTH = ("platform", "machine", "mpy", "free")


class PeerState(NamedTuple):
    """One track of a peer. Versions are "" where there is none.

    `other` is what a rollback takes, `pending` is committed and not started yet, `failed` is the
    last trial that was taken back, and `why` says why. `platform`, `machine` and `mpy` are the
    peer's `sys.platform`, and `_machine` and `_mpy` of its `sys.implementation`; `free` are the
    bytes of flash that it has left, -1 where it does not know.
    """

    version: str = ""
    digest: str = ""
    slot: str = ""
    other: str = ""
    trial: bool = False
    pending: str = ""
    failed: str = ""
    why: str = ""
    platform: str = ""
    machine: str = ""
    mpy: int = 0
    free: int = -1


def parsed(value: Any, track: str) -> PeerState:
    """The state of one track in what a peer answers. Raises PeerError(MALFORMED)."""
    if not isinstance(value, dict):
        raise PeerError(MALFORMED, "its state is no map")
    of_track = value.get(SYSTEM, {}) if track == SYSTEM else value
    if not isinstance(of_track, dict):
        raise PeerError(MALFORMED, f"its state of {track} is no map")
    both = {name: value[name] for name in _OF_BOTH if name in value}
    found = {name: of_track[name] for name in PeerState._fields if name in of_track} | both
    for name, said in found.items():
        if type(said) is not type(getattr(_UNKNOWN, name)):
            raise PeerError(MALFORMED, f"its state has no good {name!r}")
    return PeerState(**found)


_UNKNOWN = PeerState()
