"""The change of this node's key, kept in a file beside its key file until it is done.

The next secret is written before any peer hears of it, and becomes the key in one step (see
`keyfile`); a cut between that step and the removal of the plan leaves a plan for what is the key
already.

**A board whose clock begins anew at each start** begins the grace anew, too: it changes its key
only when it has run for all of it.
"""

import os
import time

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import BAD_STATE, KEY_FILE, LocalError
from dsoftbus.trust import nextkey
from dsoftbus_mpy import keyfile


def load(path: str, random) -> bytes:
    """The node's secret at its start: the next one, where its time has come.

    Raises what `keyfile.load_or_make` raises.
    """
    found = planned(path)
    if found is not None and not found[1]:
        switch(path)
    return keyfile.load_or_make(path, random)


def plan(path: str, grace_s: int, random) -> bytes:
    """Makes the next secret, which becomes the key in `grace_s` seconds; returns it.

    Raises LocalError(BAD_STATE) while another change is under way; OSError.
    """
    if planned(path) is not None:
        raise LocalError(BAD_STATE, "a change of key is under way")
    secret = random(KEY_BYTES)
    due_s = int(time.time()) + grace_s
    keyfile.place(_beside(path), nextkey.encode(secret, grace_s, due_s))
    return secret


def planned(path: str):
    """(next secret, what is left of the grace in s), or None. Raises LocalError(KEY_FILE)."""
    data = keyfile.read(_beside(path), nextkey.TEXT_MAX)
    if data is None:
        return None
    try:
        secret, grace_s, due_s = nextkey.decode(data)
    except LocalError as error:
        raise LocalError(KEY_FILE, _beside(path) + ": " + error.detail)
    if secret == keyfile.load(path):  # a cut before its removal
        os.remove(_beside(path))
        return None
    return secret, nextkey.left_s(grace_s, due_s, int(time.time()))


def switch(path: str) -> None:
    """Makes the next secret the key: afterwards the file is wholly old or wholly new."""
    found = planned(path)
    if found is not None:
        keyfile.store(path, found[0])
        os.remove(_beside(path))


def _beside(path: str) -> str:
    return path + ".next"
