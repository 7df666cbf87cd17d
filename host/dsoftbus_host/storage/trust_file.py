"""The trust store on disk, in the two steps of docs/trust.md: old or new, never neither.

Several processes of one user may change it. Each change is one of read, merge and write under the
file's lock, so that none is lost, and nothing that one removed comes back with another's copy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dsoftbus.const import HOST
from dsoftbus.errors import STORE_BUSY, STORE_DAMAGED, LocalError
from dsoftbus.trust.store import TrustStore
from dsoftbus.trust.store_text import decode
from dsoftbus_host import display
from dsoftbus_host.storage import secret_files
from dsoftbus_host.storage.atomic_file import WAIT_S, place, tidy, writing
from dsoftbus_host.storage.trust_merge import merge

log = display.log()
_AT_START_S = 0.2  # what is damaged is looked at again after so long: someone may be writing it
_LOOKS = 25  # at the start, until it stands still
_PATIENCE_S = 30.0  # of a command: nodes and other commands may be many
_WHILE_RUNNING_S = 1.0  # what changes while the node runs has to stand still for so long
Signature = tuple[int, int, int, int]
Found = tuple[Signature | None, TrustStore]


def default_path() -> Path:
    """Returns the path of the trust store of this user's node."""
    return secret_files.settings_folder() / "trust.json"


class StoreFile:
    """One file and the store in it. `damaged` says where a damaged one was put, or is None.

    `adopt(store)` is called with what the store is to be where others have changed the file.
    """

    def __init__(self, path: Path, profile: type[HOST] = HOST) -> None:
        """Reads the file. Raises OSError; LocalError(STORE_FULL) for more than fits, and
        LocalError(STORE_BUSY) while another program writes it and does not come to an end."""
        secret_files.note(path)
        self.path = path
        self.damaged: Path | None = None
        self._profile = profile
        self._odd: tuple[Signature | None, float] | None = None  # what cannot be used, since when
        self._seen: Signature | None = None  # how the file looked when it was taken over last
        tidy(path)
        self._seen, self._base = self._begin()  # and what it said
        self.store = self._copy(self._base)
        self.adopt: Callable[[TrustStore], None] = self.store.adopt
        self._saved = self.store.revision  # the store's revision that is in the file

    @property
    def unsaved(self) -> bool:
        """Tells whether the store has changed since it was written."""
        return bool(self.store.revision != self._saved)

    # Commands

    def save(self, wait_s: float = WAIT_S) -> TrustStore | None:
        """Writes the store if it has changed, and takes over what others have changed meanwhile:
        returns that, or None.

        Raises, and leaves the file as it was: OSError; LocalError(STORE_BUSY) while others write
        it, for longer than `wait_s`; LocalError(STORE_FULL).
        """
        if not self.unsaved:
            return None
        with writing(self.path, wait_s):
            changed = self._take(*self._others())
            self._write()
        return changed

    @contextlib.contextmanager
    def change(self) -> Iterator[TrustStore]:
        """Holds the file's lock: the store is as the file is, and the body's changes are on the
        medium, and were read back, once the body has been left.

        Raises what `save` raises. An exception of the body leaves the store and the file as they
        were.
        """
        with writing(self.path, _PATIENCE_S):
            self._take(*self._settled())
            try:
                yield self.store
            except BaseException:
                self.store.adopt(self._copy(self._base))
                self._saved = self.store.revision
                raise
            self._take(*self._settled())  # an editor knows of no lock
            self._write()

    def reread(self) -> TrustStore | None:
        """Takes over what another process has put in the file since: returns that, or None.

        Raises LocalError, OSError where that cannot be told now: the store stays as it is, and so
        does the file.
        """
        if self._signature() == self._seen:
            self._odd = None
            return None
        return self._take(*self._read())

    # Reading

    def _begin(self) -> Found:
        """Reads the file at the start. A damaged one is put aside if it stands still."""
        for _ in range(_LOOKS):
            seen = self._signature()
            try:
                return self._read(True)
            except LocalError as error:
                if error.code != STORE_DAMAGED:
                    raise
            time.sleep(_AT_START_S)
            if self._signature() == seen:
                return self._put_aside(seen)
        raise LocalError(STORE_BUSY, f"{self.path} is being written")

    def _read(self, absent: bool = False) -> Found:
        """Returns the file's signature and its store. Its absence has to last, unless it was
        `absent` before.

        Raises LocalError(STORE_DAMAGED) for a file that is no store, which somebody may be
        writing.
        """
        seen = self._signature()
        try:
            found = decode(self.path.read_bytes().decode(), self._profile)
        except FileNotFoundError:
            if not absent and self._seen is not None and not self._stands_still(None):
                raise LocalError(STORE_BUSY, f"{self.path} is gone") from None
            seen, found = None, TrustStore(self._profile)
        except UnicodeDecodeError:
            self._stands_still(seen)
            raise LocalError(STORE_DAMAGED, f"{self.path}: no text") from None
        except LocalError as error:
            self._stands_still(seen)
            raise LocalError(error.code, f"{self.path}: {error.detail}") from None
        self._odd = None
        return seen, found

    def _others(self) -> Found:
        """Reads as `_read` does, for a write. A damaged file that stands still is put aside."""
        if self._signature() == self._seen:
            return self._seen, self._base
        try:
            return self._read()
        except LocalError as error:
            seen = self._signature()
            if error.code != STORE_DAMAGED:
                raise
            if not self._stands_still(seen):
                raise LocalError(STORE_BUSY, f"{self.path} is being written") from None
            self._keep_aside()
            return seen, self._base

    def _settled(self) -> Found:
        """Reads as `_others` does, once the file stands still."""
        give_up = time.monotonic() + WAIT_S
        while True:
            try:
                return self._others()
            except LocalError as error:
                if error.code != STORE_BUSY or time.monotonic() >= give_up:
                    raise
            time.sleep(_AT_START_S)

    def _signature(self) -> Signature | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size

    def _stands_still(self, seen: Signature | None) -> bool:
        """Returns whether an unusable file has been as it is for long enough to be meant so."""
        now = time.monotonic()
        if self._odd is None or self._odd[0] != seen:
            self._odd = (seen, now)
        return now - self._odd[1] >= _WHILE_RUNNING_S

    # Merging and writing

    def _take(self, seen: Signature | None, theirs: TrustStore) -> TrustStore | None:
        """Takes over the file's store, whose signature is `seen`: returns the store as it is to
        be, or None if it is so already. Changes made here since stay to be written."""
        if theirs is self._base:
            self._seen = seen
            return None
        unsaved = self.unsaved
        merged = merge(self._base, self.store, theirs, self._profile)
        self._seen, self._base = seen, self._copy(theirs)
        changed = merged.encode() != self.store.encode()
        if changed:
            self.adopt(merged)
        if not unsaved:
            self._saved = self.store.revision
        return merged if changed else None

    def _write(self) -> None:
        data = self.store.encode().encode()
        place(self.path, data)
        seen = self._signature()
        if self.path.read_bytes() != data:
            raise LocalError(STORE_BUSY, f"{self.path}: another program has written over it")
        self._seen, self._base = seen, self._copy(self.store)
        self._saved = self.store.revision

    def _copy(self, store: TrustStore) -> TrustStore:
        return decode(store.encode(), self._profile)

    # Damage

    def _put_aside(self, seen: Signature | None) -> Found:
        """A damaged store is kept for its owner, under a name that nothing overwrites."""
        with writing(self.path):
            if self._signature() == seen:
                self.damaged = self._free_name()
                os.replace(self.path, self.damaged)
                return None, TrustStore(self._profile)
        return self._begin()  # another process was quicker

    def _keep_aside(self) -> None:
        """Puts it aside for a node that runs: a process that still writes that file finds it
        there."""
        self.damaged = self._free_name()
        try:
            os.link(self.path, self.damaged)
        except OSError:  # a file system without links
            shutil.copyfile(self.path, self.damaged)
        log.error("%s is damaged; it is kept as %s, and written anew", self.path, self.damaged)

    def _free_name(self) -> Path:
        stamp = time.strftime("%Y%m%dT%H%M%S")
        n = 0
        while True:
            aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{n}")
            if not os.path.lexists(aside):
                return aside
            n += 1
