"""A manifest that has come to a board: whether it is the one that was announced, and has room."""

from dsoftbus.errors import UPDATE_MANIFEST, UPDATE_NO_SPACE, LocalError, PeerError
from dsoftbus.update.manifest import MANIFEST, Manifest
from dsoftbus.update.room import blocks, clear, held

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any
    from dsoftbus.update.updater import Updater


def check(updater: "Updater") -> "Iterator[None]":
    """Reads it, and removes from the slot what it does not name. Raises PeerError(UPDATE_MANIFEST)
    for another, LocalError(UPDATE_NO_SPACE)."""
    need = _checked(updater)
    for _ in clear(updater.place, updater.path):
        yield
    free = updater.place.free()
    if 0 <= free < need - held(updater.place, updater.path):
        raise LocalError(UPDATE_NO_SPACE, "%d bytes are free, of %d" % (free, need))


def _checked(updater: "Updater") -> int:
    """Reads the manifest; returns the bytes of flash that its files take. Raises
    PeerError(UPDATE_MANIFEST)."""
    begun: Any = updater.begun
    place, need = updater.place, 0
    with place.open(updater.path + MANIFEST, "rb") as file:
        manifest = Manifest(file.readline)
        entry = manifest.next()
        while entry is not None:
            need += blocks(place, entry[2])
            entry = manifest.next()
    said = (manifest.version, manifest.count, manifest.size)
    if said != (begun.version, begun.count, begun.size):
        raise PeerError(UPDATE_MANIFEST, "not what was announced")
    return need
