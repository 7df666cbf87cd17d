"""The slots of a board that is updated: what lies in them, and whether it is whole.

`place` is the board (docs/updates.md, "Where it runs"). Long work is a generator, which gives
others a turn at each piece of it.
"""

import binascii
import hashlib

from dsoftbus.errors import UPDATE_FILE, BusError, PeerError
from dsoftbus.service.update_manifest import MANIFEST, Manifest
from dsoftbus.service.update_state import folder

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any

_CHUNK = 1024  # bytes of flash that are read between two turns


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


def running(place: "Any", track: str) -> str:
    """The folder of what runs of a track."""
    return folder(track, place.running(track))


def hash_of(place: "Any", path: str) -> bytes:
    """The SHA-256 of a small file."""
    hashed = hashlib.sha256()
    for chunk in chunks(place, path):
        hashed.update(chunk)
    return hashed.digest()


def chunks(place: "Any", path: str) -> "Iterator[memoryview]":
    """The bytes of the file at `path`, piece by piece, in one buffer."""
    view = memoryview(bytearray(_CHUNK))
    with place.open(path, "rb") as file:
        n = file.readinto(view)
        while n:
            yield view[:n]
            n = file.readinto(view)


def copy(place: "Any", source: str, to: str, digest: bytes, size: int) -> "Iterator[None]":
    """Copies the file `source`, if it is the one of this hash and size."""
    if place.size(source) != size:
        return
    hashed = hashlib.sha256()
    for chunk in chunks(place, source):
        hashed.update(chunk)
        yield
    if hashed.digest() != digest:
        return
    make_folders(place, to)
    with place.open(to, "wb") as file:
        for chunk in chunks(place, source):
            file.write(chunk)
            yield


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


def make_folders(place: "Any", path: str) -> None:
    """Makes the folders on the way to the file at `path`."""
    at = path.find("/")
    while at >= 0:
        place.make_folder(path[:at])
        at = path.find("/", at + 1)


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
            return Manifest(file.readline).find(name) is not None
    except (OSError, BusError):
        return False
