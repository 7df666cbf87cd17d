"""The trust store in a file, in the two steps of docs/trust.md: old or new, never neither.

As in `key_file`: the new text is written to `PATH.new`, flushed, and renamed over `PATH`; where
the file system removes the old name first (FAT), a whole `PATH.new` without a `PATH` is the store.
"""

import errno
import os

from dsoftbus.errors import STORE_DAMAGED, STORE_FULL, LocalError
from dsoftbus.trust.store import TrustStore
from dsoftbus_mpy.base.secret_files import noted

_ST_SIZE = 6  # of os.stat's tuple


class StoreFile:
    """One file and the store in it. `damaged` says where a damaged one was put, or is None."""

    def __init__(self, path: str, profile):
        """Reads the file. Raises OSError, and LocalError(STORE_FULL) for more than fits."""
        noted.append(path)
        self.path = path
        self.damaged: str = None
        self._profile = profile
        self.store = self._load()
        self._saved = self.store.revision

    def save(self) -> None:
        """Writes the store if it has changed. Raises OSError: the file is as it was."""
        revision = self.store.revision
        if revision != self._saved:
            with open(self.path + ".new", "w") as file:
                for text in self.store.lines():  # the whole may be more than any free piece
                    file.write(text)
                file.flush()  # to the medium: before the rename, not some time after
            os.rename(self.path + ".new", self.path)
            self._saved = revision

    def _load(self):
        fresh = self.path + ".new"
        store = self._read(self.path)
        if store is None and self.damaged is None:
            store = self._read_whole(fresh)
            if store is not None:
                os.rename(fresh, self.path)
        _remove(fresh)  # left by a cut: it was never the store
        return TrustStore(self._profile) if store is None else store  # one without peers is false

    def _read(self, path: str):
        """The store in a file, None if there is none or it is damaged, and put aside."""
        try:
            return _decode(path, self._profile)
        except LocalError as error:
            if error.code != STORE_DAMAGED:
                raise
        from dsoftbus_mpy.base.damage import put_aside  # only who has some pays for it

        self.damaged = put_aside(path)
        return None

    def _read_whole(self, path: str):
        """The store of a first step that was finished, None if it was not."""
        try:
            return _decode(path, self._profile)
        except LocalError:
            return None


def _decode(path: str, profile):
    """The store in a file, or None where there is no file."""
    from dsoftbus.trust.store_text import read, text_max  # for a while, as `overlay` says

    try:
        size = os.stat(path)[_ST_SIZE]
        if size > 4 * text_max(profile):  # UTF-8 has at most 4 bytes a character
            raise LocalError(STORE_FULL, path)
        with open(path, "rb") as file:
            return read(lambda: str(file.readline(), "utf-8"), profile)
    except UnicodeError:
        raise LocalError(STORE_DAMAGED, path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return None


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
