"""Files of a new version as they come to a board: what becomes of each (docs/updates.md).

`updater` is the updater's place. Refusals are BusError with a code of `update.`; OSError where the
flash fails. A function that is a generator works piece by piece.
"""

from dsoftbus.errors import (
    UPDATE_FILE,
    UPDATE_MANIFEST,
    UPDATE_STATE,
    LocalError,
    PeerError,
)
from dsoftbus.update.lines import find
from dsoftbus.update.manifest import MANIFEST, MANIFEST_MAX
from dsoftbus.update.part import SlotPart
from dsoftbus.update.slots import copy, running

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any
    from dsoftbus.update.updater import Updater


def part_of(updater: "Updater", session: "Any", name: str, size: int, now: int) -> SlotPart:
    """The file of this name and size, as far as it is there. Raises BusError for one that the
    version has not."""
    updater.check_place(session, now)
    begun: Any = updater.begun
    if name == MANIFEST:
        if size > MANIFEST_MAX:
            raise PeerError(UPDATE_MANIFEST, "%d bytes" % size)
        updater.ready = False
        return SlotPart(updater.place, updater.path + MANIFEST, begun.hash, size)
    if not updater.ready:
        raise LocalError(UPDATE_STATE, "the manifest comes first")
    digest, wanted = _named(updater, name)
    if size != wanted:
        raise PeerError(UPDATE_FILE, name)
    return SlotPart(updater.place, updater.path + name, digest, size)


def _named(updater: "Updater", name: str) -> "tuple[bytes, int]":
    with updater.place.open(updater.path + MANIFEST, "rb") as file:
        found = find(file.readline, name)
    if found is None:
        raise PeerError(UPDATE_FILE, name)
    return found


def fill(updater: "Updater", part: SlotPart) -> "Iterator[None]":
    """Copies the file from what runs, if it is the same there and not here already."""
    begun: Any = updater.begun
    name = part.path[len(updater.path) :]
    if name == MANIFEST or part.whole:
        return
    source = running(updater.place, begun.track) + name
    for _ in copy(updater.place, source, part.path, part.digest, part.wanted):
        yield


def stored(updater: "Updater", part: SlotPart) -> "Iterator[None]":
    """A file is there. With the manifest, which is the one that was announced, all goes from
    the slot that it does not name."""
    if part.path != updater.path + MANIFEST:
        return
    from dsoftbus.update.check import check  # once an update

    for _ in check(updater):
        yield
    updater.ready = True
