"""The state of a peer that takes updates, as it says it itself (docs/updates.md)."""

from __future__ import annotations

from typing import Any, NamedTuple

from dsoftbus.errors import MALFORMED, PeerError
from dsoftbus.service.update_state import SYSTEM

ROOT = "root"  # the version of what the cable has put there
_OF_BOTH = ("board", "arch", "free")


class PeerState(NamedTuple):
    """One track of a peer. Versions are "" where there is none.

    `other` is what a rollback takes, `pending` is committed and not started yet, `failed` is the
    last trial that was taken back, and `why` says why. `board` is its kind, `arch` that of its
    machine code, `free` the bytes of flash that it has left.
    """

    version: str = ""
    digest: str = ""
    slot: str = ""
    other: str = ""
    trial: bool = False
    pending: str = ""
    failed: str = ""
    why: str = ""
    board: str = ""
    arch: str = ""
    free: int = 0


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
        if type(said) is not type(PeerState._field_defaults[name]):
            raise PeerError(MALFORMED, f"its state has no good {name!r}")
    return PeerState(**found)
