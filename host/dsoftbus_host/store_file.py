"""The trust store on disk, in the two steps of docs/trust.md: old or new, never neither."""

from __future__ import annotations

import os
import time
from pathlib import Path

from dsoftbus.const import HOST
from dsoftbus.errors import STORE_DAMAGED, LocalError
from dsoftbus.trust.store import TrustStore, decode
from dsoftbus_host import secret_files
from dsoftbus_host.place import clear_remains, place


def default_path() -> Path:
    """Where this user's node keeps whom it trusts."""
    return secret_files.settings_folder() / "trust.json"


class StoreFile:
    """One file and the store in it. `damaged` says where a damaged one was put, or is None."""

    def __init__(self, path: Path, profile: type[HOST] = HOST) -> None:
        """Reads the file. Raises OSError, and LocalError(STORE_FULL) for more than fits."""
        secret_files.note(path)
        self.path = path
        self.damaged: Path | None = None
        self._profile = profile
        self._saved = 0  # the store's revision that is in the file
        self._seen: tuple[int, int, int] | None = None  # and how the file looked then
        clear_remains(path)
        self.store = self._load()

    def save(self) -> None:
        """Writes the store if it has changed. Raises OSError: the file is as it was."""
        revision = self.store.revision
        if revision != self._saved:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            place(self.path, self.store.encode().encode())
            self._saved = revision
            self._seen = self._signature()

    def reread(self) -> TrustStore | None:
        """What another process has put in the file since, or None. Raises LocalError."""
        if self._signature() == self._seen:
            return None
        return self._load()

    def _load(self) -> TrustStore:
        self._saved = 0
        self._seen = self._signature()
        try:
            return decode(self.path.read_bytes().decode(), self._profile)
        except FileNotFoundError:
            pass
        except UnicodeDecodeError:
            self._put_aside()
        except LocalError as error:
            if error.code != STORE_DAMAGED:
                raise
            self._put_aside()
        return TrustStore(self._profile)

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _put_aside(self) -> None:
        """A damaged store is kept for its owner, under a name that nothing overwrites."""
        stamp = time.strftime("%Y%m%dT%H%M%S")
        n = 0
        while True:
            aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{n}")
            if not aside.exists():
                break
            n += 1
        os.replace(self.path, aside)
        self._seen = None
        self.damaged = aside
