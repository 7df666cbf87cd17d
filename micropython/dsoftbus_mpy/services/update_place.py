"""A board as updates need it (docs/updates.md): its flash, its start program, its reset."""

import os
import sys

from dsoftbus.update.tracks import PREFIXES, ROOT, SLOTS

_BOOT = "dsoftbus_boot"  # the start program, which belongs to no version
_TRIAL = "trial"  # of its names, which stay what they are when slices are linked
_FOLDER = 0x4000  # of what os.ilistdir says
_ST_SIZE = 6  # of os.stat's tuple
_BLOCK = 4096  # where a file system does not say


class UpdatePlace:
    """The board that this runs on."""

    def __init__(self):
        self.block = _vfs()[0] or _BLOCK
        implementation = sys.implementation
        machine = getattr(implementation, "_machine", "")
        self.kind = (sys.platform, machine, getattr(implementation, "_mpy", 0))

    @property
    def records(self):
        """The start program's `read` and `write`: hardly anything of an update asks for them."""
        return _boot()

    def open(self, path: str, mode: str):
        return open(path, mode)

    def size(self, path: str) -> int:
        """Bytes of the file, -1 where there is none."""
        try:
            found = os.stat(path)
        except OSError:
            return -1
        return -1 if found[0] & _FOLDER else found[_ST_SIZE]

    def names(self, folder: str) -> list:
        """(name, whether it is a folder) of all that is in the folder, sorted."""
        try:
            found = [(each[0], bool(each[1] & _FOLDER)) for each in os.ilistdir(folder[:-1])]
        except OSError:
            return []
        found.sort()
        return found

    def remove(self, path: str) -> None:
        os.remove(path)

    def make_folder(self, path: str) -> None:
        """Makes the folder, unless it is there."""
        try:
            os.mkdir(path)
        except OSError:
            if not os.stat(path)[0] & _FOLDER:
                raise

    def remove_folder(self, path: str) -> None:
        os.rmdir(path)

    def free(self) -> int:
        """Bytes of flash that are free, -1 where the file system does not say."""
        block, blocks = _vfs()
        return block * blocks if block else -1

    def running(self, track: str) -> str:
        """The slot of this track that runs: the start program has put it on the path."""
        for slot in SLOTS:
            end = "/" + PREFIXES[track] + slot
            for path in sys.path:
                if path.endswith(end):
                    return slot
        return ROOT

    def end_trial(self) -> None:
        """The trial is over, and nothing resets the board for it any more."""
        trial = getattr(_boot(), _TRIAL)
        timer = trial[1] if trial else None
        trial.clear()
        sys.modules.pop(_BOOT, None)
        if timer is not None:
            timer.deinit()

    def reset(self) -> None:
        """Starts the board again; where there is no board, the program ends."""
        try:
            reset = __import__("machine").reset
        except (ImportError, AttributeError):
            raise SystemExit
        reset()


def _boot():
    """The start program; it stays loaded only while something runs on trial."""
    boot = __import__(_BOOT)
    if not getattr(boot, _TRIAL):
        sys.modules.pop(_BOOT, None)
    return boot


def _vfs() -> tuple:
    """(bytes of a block, free blocks) of the file system here, zeros where it does not say."""
    try:
        found = os.statvfs(".")
    except (OSError, AttributeError):
        return 0, 0
    return found[1] or found[0], found[4]
