"""A file of a new version as it comes: `Part` of the share service, in a slot instead of a folder.

The file has its own name from its first byte: a slot that is idle runs nowhere, and is read back
before it does.
"""

from dsoftbus.errors import UPDATE_FILE, PeerError
from dsoftbus.update.slots import hash_of, make_folders

if False:  # for types
    from dsoftbus.contracts import Any, Buffer, Data

_FLUSH_BYTES = 16384  # a reset costs no more of what has come


class SlotPart:
    """The file at `path` on the board `place`, which is to have this hash and `wanted` bytes.
    `size` is what it has."""

    def __init__(self, place: "Any", path: str, digest: bytes, wanted: int) -> None:
        self.digest = digest
        self.wanted = wanted
        self.path = path
        self._place = place
        self._file: Any = None
        self._at = 0  # where reading begins
        self._unsaved = 0
        self.look()

    def look(self) -> None:
        """Sees how much of it is there; more than there are to be is of another version."""
        self.size = self._place.size(self.path)
        if not 0 <= self.size <= self.wanted:
            self.size = 0

    @property
    def whole(self) -> bool:
        """Returns whether the file is there as it is to be."""
        return (
            self._place.size(self.path) == self.wanted
            and hash_of(self._place, self.path) == self.digest
        )

    def readinto(self, view: "Buffer") -> int:
        """Fills `view` from here on; returns how many bytes, 0 at the end."""
        if self._file is None:
            self._file = self._place.open(self.path, "rb")
            self._file.seek(self._at)
        n: int = self._file.readinto(view)
        return n

    def seek(self, at: int) -> None:
        """The next byte that is read is that at `at`. The file may not be there yet."""
        self.close()
        self._at = at

    def cut(self, offset: int) -> None:
        """Goes on at `offset`. Bytes behind it stay until others take their place: the whole is no
        shorter, and its hash shows what is wrong."""
        self.close()
        make_folders(self._place, self.path)
        self._file = self._place.open(self.path, "r+b" if offset else "wb")
        self._file.seek(offset)
        self.size = offset

    def write(self, view: "Data") -> None:
        """Adds all of `view`."""
        self._file.write(view)
        self.size += len(view)
        self._unsaved += len(view)
        if self._unsaved >= _FLUSH_BYTES:
            self._unsaved = 0
            self._file.flush()

    def store(self, _replace: bool = True) -> None:
        """Reads the file back. Raises PeerError(UPDATE_FILE), and it is gone then."""
        self.close()
        if not self.whole:
            self.remove()
            raise PeerError(UPDATE_FILE, self.path)

    def keep(self) -> None:
        """Closes it; the next update goes on with it."""
        self.close()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def remove(self) -> None:
        """Closes and removes it."""
        try:
            self.close()
            self._place.remove(self.path)
        except OSError:
            pass  # what is left fails its hash, and is written anew
