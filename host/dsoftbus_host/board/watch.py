"""Files here that are watched for changes while the output of a board is read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from dsoftbus.errors import LocalError
from dsoftbus_host.board import logs

Stamps = dict[str, tuple[int, int]]  # path: when it changed in ns, bytes
POLL_S = 0.5
SETTLED_S = 0.2  # an editor may write a file in two steps
SETTLING = 50  # of those


def stamps(given: Iterable[Path]) -> Stamps:
    """Returns what tells a change of these files, and of all in these folders."""
    return {str(file): stamp for path in given for file in _all(path) if (stamp := _stamp(file))}


def _all(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for folder, _, names in os.walk(path):
            yield from (Path(folder, name) for name in names)
    else:
        yield path


def _stamp(file: Path) -> tuple[int, int] | None:
    """None for a file that is away, as while an editor puts a new one in its place."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def until_change(port: str, given: list[Path], seen: Stamps) -> Iterator[str]:
    """Yields the lines that the board at `port` prints, until the files are others than `seen`.

    A port that is gone, or that another program has, is said once and waited for.
    """
    said = ""
    while stamps(given) == seen:
        try:
            for line in logs.listen(port):
                said = ""
                if line:
                    yield line
                elif stamps(given) != seen:
                    break
        except LocalError as error:
            if said != str(error):
                said = str(error)
                yield said
            time.sleep(POLL_S)
    _settle(given)


def _settle(given: list[Path]) -> None:
    last = stamps(given)
    for _ in range(SETTLING):
        time.sleep(SETTLED_S)
        before, last = last, stamps(given)
        if last == before:
            return
