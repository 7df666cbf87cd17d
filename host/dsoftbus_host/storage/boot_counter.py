"""The first sequence number of a node's announcements: above those of every start before."""

from __future__ import annotations

from pathlib import Path

from dsoftbus.const import U30_MAX
from dsoftbus.errors import LocalError
from dsoftbus_host import display
from dsoftbus_host.clock import sequence_start
from dsoftbus_host.storage.atomic_file import place, writing

log = display.log()
_STEP = 4096  # announcements of one start: more than a day's at three a minute
_COUNTS = (int(U30_MAX) + 1) // _STEP  # then it restarts, which costs a lifetime, too
_FILE_MAX = 16  # bytes
_WAIT_S = 1.0


def count_start(path: Path) -> int:
    """The sequence of the first announcement after this start, whatever the clock says.

    The count of starts is kept in the file at `path`. The first one begins where the clock is, and
    so does one whose count cannot be kept, as in a folder that is read-only: the clock will do.
    A count that is lost costs a wait of one lifetime.
    """
    try:
        with writing(path, _WAIT_S):
            count = (_read(path) + 1) % _COUNTS
            place(path, b"%d" % count)
    except (OSError, LocalError) as error:
        log.info("the starts of this node cannot be counted: %s", error)
        return sequence_start()
    return count * _STEP


def _read(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return max(int(file.read(_FILE_MAX)), 0)
    except (FileNotFoundError, ValueError):
        return sequence_start() // _STEP
