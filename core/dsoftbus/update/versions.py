"""Versions as they lie in the slots of a board: which one it is, and whether it is whole.

`place` is the board (docs/updates.md, "Where it runs"). Long work is a generator, which gives
others a turn at each piece of it.
"""

import binascii
import hashlib

from dsoftbus.errors import UPDATE_FILE, BusError, PeerError
from dsoftbus.update.manifest import MANIFEST, Manifest
from dsoftbus.update.slots import chunks, hash_of

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any


def newer(version: str, than: str) -> bool:
    """Returns whether the version is higher than another, which may be "" for none."""
    return _numbers(version) > _numbers(than)


def version_of(place: "Any", path: str) -> str:
    """The version of the slot at `path` (with `/` at its end), "" where its manifest is none."""
    try:
        with place.open(path + MANIFEST, "rb") as file:
            return Manifest(file.readline).version
    except (OSError, BusError):
        return ""


def digest_of(place: "Any", path: str) -> str:
    """The hex SHA-256 of the manifest of the slot at `path`, "" where there is none."""
    if place.size(path + MANIFEST) < 0:
        return ""
    return str(binascii.hexlify(hash_of(place, path + MANIFEST)), "ascii")


def verify(place: "Any", path: str) -> "Iterator[None]":
    """Reads the slot at `path` back. Raises PeerError(UPDATE_FILE) where it is not whole."""
    with place.open(path + MANIFEST, "rb") as file:
        manifest = Manifest(file.readline)
        entry = manifest.next()
        while entry is not None:
            name, digest, size = entry
            hashed = hashlib.sha256()
            if place.size(path + name) == size:
                for chunk in chunks(place, path + name):
                    hashed.update(chunk)
                    yield
            if hashed.digest() != digest or place.size(path + name) != size:
                raise PeerError(UPDATE_FILE, name)
            entry = manifest.next()


def is_whole(place: "Any", path: str) -> bool:
    """Returns whether the slot at `path` is whole, at once."""
    try:
        for _ in verify(place, path):
            pass
        return True
    except (OSError, BusError):
        return False


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")] if version else []
