"""Files in the slots of a board that is updated: read, hashed and copied.

`place` is the board (docs/updates.md, "Where it runs"). Long work is a generator, which gives
others a turn at each piece of it.
"""

import hashlib

from dsoftbus.update.tracks import folder

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any

_CHUNK = 1024  # bytes of flash that are read between two turns


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


def make_folders(place: "Any", path: str) -> None:
    """Makes the folders on the way to the file at `path`."""
    at = path.find("/")
    while at >= 0:
        place.make_folder(path[:at])
        at = path.find("/", at + 1)
