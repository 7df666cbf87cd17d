"""The change of this node's key, kept on disk beside its key file until it is done.

The next secret is written before any peer hears of it, and becomes the key in one step; a cut
between that step and the removal of the plan leaves a plan for what is the key already. A node
that runs (`file_watch`) tells when its time has come: see `dsoftbus.trust.next_key_file`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import BAD_STATE, KEY_FILE, LocalError
from dsoftbus.trust import next_key_file
from dsoftbus.trust.next_key_file import Plan
from dsoftbus_host import key_file
from dsoftbus_host.storage.atomic_file import place, remove, writing

_DAY_S = 86400
_NODE_WAIT_S = 1.0  # a node that runs has others to serve


def load(path: Path) -> bytes:
    """The node's secret at its start, which is made if there is none.

    Raises what `key_file.load_or_make` raises, and LocalError(KEY_FILE) for a damaged plan.
    """
    read(path)
    return key_file.load_or_make(path)


def plan(path: Path, grace_s: int) -> bytes:
    """Makes the next secret, which becomes the key when the node has run for `grace_s` seconds;
    returns it.

    Raises LocalError(BAD_STATE) while another change is under way; OSError.
    """
    with writing(path):
        found = read(path)
        if found is not None:
            raise LocalError(
                BAD_STATE,
                f"a change of key is under way, after {found.left_s / _DAY_S:.3g} more days that "
                f"this node runs; `dsoftbus rotate --cancel` takes it back",
            )
        made = Plan(os.urandom(KEY_BYTES), grace_s, _today())
        place(_beside(path), made.encode())
        return made.secret


def cancel(path: Path) -> None:
    """Takes a planned change back: the key stays, and what peers were told lapses.

    Raises LocalError(BAD_STATE) where there is none; OSError.
    """
    with writing(path):
        if read(path) is None:
            raise LocalError(BAD_STATE, "no change of key is under way")
        remove(_beside(path))


def planned(path: Path) -> tuple[bytes, int] | None:
    """(next secret, what is left of the grace in s), or None. Raises LocalError(KEY_FILE)."""
    found = read(path)
    return None if found is None else (found.secret, found.left_s)


def read(path: Path) -> Plan | None:
    """The plan beside the key file at `path`, or None. Raises LocalError(KEY_FILE), OSError."""
    beside = _beside(path)
    try:
        with beside.open("rb") as file:
            data = file.read(next_key_file.TEXT_MAX + 1)
    except FileNotFoundError:
        return None
    try:
        found = next_key_file.decode(data)
    except LocalError as error:
        raise LocalError(KEY_FILE, f"{beside}: {error.detail}") from None
    if found.secret == key_file.load(path):  # a cut before its removal
        beside.unlink(missing_ok=True)
        return None
    return found


def start(path: Path, trusted: Collection[str]) -> Plan | None:
    """The plan at the node's start, with what the time between counts (`Plan.start`), or None."""
    if read(path) is None:
        return None
    with writing(path, _NODE_WAIT_S):
        found = read(path)
        if found is not None:
            found.start(trusted, _today())
            place(_beside(path), found.encode())
        return found


def note(path: Path, ours: Plan, left_s: int, told: Collection[str], last: bool = False) -> None:
    """Writes down what is left of the grace, and who was told, when that is worth a write."""
    if not ours.note(left_s, told, _today(), last):
        return
    with writing(path, _NODE_WAIT_S):
        found = read(path)
        if found is not None and found.secret == ours.secret:  # not cancelled meanwhile
            found.note(min(left_s, found.left_s), [*ours.told, *found.told], _today(), True)
            place(_beside(path), found.encode())


def switch(path: Path) -> None:
    """Makes the next secret the key: afterwards the file is wholly old or wholly new."""
    with writing(path):
        found = read(path)
        if found is not None:
            key_file.store(path, found.secret)
            if key_file.load(path) != found.secret:
                raise LocalError(KEY_FILE, f"{path}: not as it was written")
            remove(_beside(path))


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".next")


def _today() -> int:
    return int(time.time())
