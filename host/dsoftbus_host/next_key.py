"""The change of this node's key, kept on disk beside its key file until it is done.

The next secret is written before any peer hears of it, and becomes the key in one step; a cut
between that step and the removal of the plan leaves a plan for what is the key already.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import BAD_STATE, KEY_FILE, LocalError
from dsoftbus.trust import nextkey
from dsoftbus_host import keys
from dsoftbus_host.place import place


def load(path: Path) -> bytes:
    """The node's secret at its start: the next one, where its time has come.

    Raises what `keys.load_or_make` raises.
    """
    found = planned(path)
    if found is not None and not found[1]:
        switch(path)
    return keys.load_or_make(path)


def plan(path: Path, grace_s: int) -> bytes:
    """Makes the next secret, which becomes the key in `grace_s` seconds; returns it.

    Raises LocalError(BAD_STATE) while another change is under way; OSError.
    """
    if planned(path) is not None:
        raise LocalError(BAD_STATE, f"a change of key is under way: {_beside(path)}")
    secret = os.urandom(KEY_BYTES)
    place(_beside(path), nextkey.encode(secret, grace_s, int(time.time()) + grace_s))
    return secret


def planned(path: Path) -> tuple[bytes, int] | None:
    """(next secret, what is left of the grace in s), or None. Raises LocalError(KEY_FILE)."""
    beside = _beside(path)
    try:
        with beside.open("rb") as file:
            data = file.read(nextkey.TEXT_MAX + 1)
    except FileNotFoundError:
        return None
    try:
        secret, grace_s, due_s = nextkey.decode(data)
    except LocalError as error:
        raise LocalError(KEY_FILE, f"{beside}: {error.detail}") from None
    if secret == keys.load(path):  # a cut before its removal
        beside.unlink()
        return None
    return secret, nextkey.left_s(grace_s, due_s, int(time.time()))


def switch(path: Path) -> None:
    """Makes the next secret the key: afterwards the file is wholly old or wholly new."""
    found = planned(path)
    if found is not None:
        keys.store(path, found[0])
        _beside(path).unlink()


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".next")
