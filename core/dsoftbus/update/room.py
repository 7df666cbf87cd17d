"""The room that a slot takes of a board's flash, and what is cleared from there.

`place` is the board (docs/updates.md, "Where it runs"). Long work is a generator, which gives
others a turn at each piece of it.
"""

from dsoftbus.errors import BusError
from dsoftbus.update.lines import find
from dsoftbus.update.manifest import MANIFEST

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any


def held(place: "Any", path: str) -> int:
    """Returns the bytes of all files in the slot at `path`, in whole blocks."""
    total = 0
    for name in files(place, path):
        total += blocks(place, place.size(path + name))
    return total


def blocks(place: "Any", size: int) -> int:
    """Returns what a file of this size takes of the flash."""
    return -(-size // place.block) * place.block


def files(place: "Any", path: str, below: str = "") -> "list[str]":
    """The names of all files in the slot at `path`."""
    found = []
    for name, is_folder in place.names(path + below):
        if is_folder:
            found += files(place, path, below + name + "/")
        else:
            found.append(below + name)
    return found


def clear(place: "Any", path: str, below: str = "") -> "Iterator[None]":
    """Removes from the slot at `path` what its manifest does not name, and empty folders. A slot
    without a manifest loses all."""
    for name, is_folder in place.names(path + below):
        name = below + name
        if is_folder:
            for _ in clear(place, path, name + "/"):
                yield
            if not place.names(path + name + "/"):
                place.remove_folder(path + name)
        elif name != MANIFEST and not _is_named(place, path, name):
            place.remove(path + name)
        yield


def _is_named(place: "Any", path: str, name: str) -> bool:
    try:
        with place.open(path + MANIFEST, "rb") as file:
            return find(file.readline, name) is not None
    except (OSError, BusError):
        return False
