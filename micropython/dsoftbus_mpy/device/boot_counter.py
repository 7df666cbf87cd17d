"""The first sequence number of a node's announcements: above those of every start before."""

# Public

from dsoftbus.const import U30_MAX

_STARTS_STEP = 4096  # announcements of one start: more than a day's at three a minute


def count_start(path: str) -> int:
    """The sequence of the first announcement after this start.

    The count of starts is kept in the file at `path`; a lost count costs a wait of one lifetime.
    """
    starts = 0
    try:
        with open(path) as file:
            starts = int(file.read())
    except (OSError, ValueError):
        pass
    try:
        with open(path, "w") as file:
            file.write(str(starts + 1))
    except OSError:
        pass  # a full file system must not keep the node from starting
    return (starts + 1) * _STARTS_STEP & U30_MAX
