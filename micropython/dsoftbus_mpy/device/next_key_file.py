"""The change of this node's key, kept in a file beside its key file until it is done.

The next secret is written before any peer hears of it, and becomes the key in one step (see
`key_file`); a cut between that step and the removal of the plan leaves a plan for what is the key
already. A node that runs (`KeyChange`) tells when its time has come: see
`dsoftbus.trust.next_key_file`.
"""

import os
import time

from dsoftbus.const import KEY_BYTES, SUITE_CHACHA_SHA256
from dsoftbus.errors import BAD_STATE, KEY_FILE, LocalError
from dsoftbus.trust import next_key_file
from dsoftbus_mpy import key_file

_ST_SIZE = 6  # of os.stat's tuple


def load(path: str, random) -> bytes:
    """The node's secret at its start, which is made with `random(n)` if there is none.

    Raises what `key_file.load_or_make` raises, and LocalError(KEY_FILE) for a damaged plan.
    """
    read(path)
    return key_file.load_or_make(path, random)


def plan(path: str, grace_s: int, random) -> bytes:
    """Makes the next secret, which becomes the key when the node has run for `grace_s` seconds;
    returns it.

    Raises LocalError(BAD_STATE) while another change is under way; OSError.
    """
    if read(path) is not None:
        raise LocalError(BAD_STATE, "a change of key is under way")
    made = next_key_file.Plan(random(KEY_BYTES), grace_s, _today())
    key_file.place(_beside(path), made.encode())
    return made.secret


def cancel(path: str) -> None:
    """Takes a planned change back: the key stays, and what peers were told lapses.

    Raises LocalError(BAD_STATE) where there is none; OSError.
    """
    if read(path) is None:
        raise LocalError(BAD_STATE, "no change of key is under way")
    _remove(_beside(path))


def planned(path: str):
    """(next secret, what is left of the grace in s), or None. Raises LocalError(KEY_FILE)."""
    found = read(path)
    return None if found is None else (found.secret, found.left_s)


def read(path: str):
    """The Plan beside the key file at `path`, or None. Raises LocalError(KEY_FILE), OSError."""
    beside = _beside(path)
    data = _whole(beside)
    if data is None:
        return None
    try:
        found = next_key_file.decode(data)
    except LocalError as error:
        raise LocalError(KEY_FILE, beside + ": " + error.detail)
    if found.secret == key_file.load(path):  # a cut before its removal
        _remove(beside)
        return None
    return found


def start(path: str, trusted):
    """The Plan at the node's start, with what the time between counts (`Plan.start`), or None."""
    found = read(path)
    if found is not None:
        found.start(trusted, _today())
        key_file.place(_beside(path), found.encode())
    return found


def note(path: str, ours, left_s: int, told, last: bool = False) -> None:
    """Writes down what is left of the grace, and who was told, when that is worth a write."""
    if ours.note(left_s, told, _today(), last):
        key_file.place(_beside(path), ours.encode())


def switch(path: str) -> None:
    """Makes the next secret the key: afterwards the file is wholly old or wholly new."""
    found = read(path)
    if found is not None:
        key_file.store(path, found.secret)
        _remove(_beside(path))


class KeyChange:
    """Follows the plan beside the key file at `path` for the node of `bus`, which has a guard."""

    def __init__(self, bus, path: str):
        self._bus = bus
        self._path = path
        self.follow()

    def follow(self) -> None:
        """Applies a plan that was made or taken back."""
        node = self._bus.node
        self._plan = start(self._path, [entry.id for entry in node.guard.store])
        node.guard.rotation = None
        if self._plan is not None:
            pair = node.local.suites[SUITE_CHACHA_SHA256].keypair(self._plan.secret)
            node.guard.rotate(pair, max(self._plan.left_s, 1), self._bus.now())

    def look(self, now: int, last: bool = False) -> None:
        """Notes how far it has come; `last`: the node ends."""
        change = self._bus.node.guard.rotation
        if change is not None:
            left_s = change.grace_s(now)
            self._tried(lambda: note(self._path, self._plan, left_s, change.told, last))

    def switch(self) -> None:
        """It is due. If it cannot be done, the next start goes on with it."""
        self._tried(lambda: switch(self._path))

    def _tried(self, write) -> None:
        try:
            write()
        except OSError as error:
            self._bus.tell(error)


def _whole(path: str):
    """Returns the data placed at `path`, or None. A `place` that was cut is finished if its file
    is whole and there is no other, and removed otherwise."""
    data = _read(path)
    fresh = _read(path + ".new")
    if fresh is None:
        return data
    if data is None and _is_whole(fresh):
        os.rename(path + ".new", path)  # FAT had removed the old name
        return fresh
    os.remove(path + ".new")
    return data


def _is_whole(data: bytes) -> bool:
    try:
        next_key_file.decode(data)
    except LocalError:
        return False
    return True


def _read(path: str):
    """A read takes a buffer for all that it asks for, so it asks for no more than there is."""
    try:
        size = os.stat(path)[_ST_SIZE]
    except OSError:
        return None
    return key_file.read(path, min(size, next_key_file.TEXT_MAX))


def _remove(path: str) -> None:
    """First what a cut left, which must not come back."""
    for name in (path + ".new", path):
        if _read(name) is not None:
            os.remove(name)


def _beside(path: str) -> str:
    return path + ".next"


def _today() -> int:
    return int(time.time())
