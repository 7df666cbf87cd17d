"""The node's secret on disk: mode 0600, replaced in one step, never lost and never halved."""

from __future__ import annotations

import contextlib
import os
import shlex
from pathlib import Path

from dsoftbus.base.key_file import KEY_FILE_BYTES, decode_secret, encode_secret
from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import KEY_FILE, LocalError
from dsoftbus_host.storage import secret_files
from dsoftbus_host.storage.atomic_file import place


def default_path() -> Path:
    """Returns the path of the secret of this user's node."""
    return secret_files.settings_folder() / "node.key"


def load_or_make(path: Path | None = None) -> bytes:
    """The 32-byte secret in the file at `path` (None: this user's), made if it does not exist.

    Raises LocalError(KEY_FILE) for a damaged file, and for one that others may read; both are
    left as they are. OSError where the file cannot be used.
    """
    path = path or default_path()
    try:
        return load(path)
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Where another process is quicker, its secret is the node's; it may have tidied up here, too.
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        place(path, encode_secret(os.urandom(KEY_BYTES)), os.link)
    return load(path)


def load(path: Path) -> bytes:
    """The secret, or FileNotFoundError, or LocalError(KEY_FILE)."""
    secret_files.note(path)
    with path.open("rb") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
            remedy = f"chmod 600 {shlex.quote(str(path))}"
            raise LocalError(KEY_FILE, f"{path}: others may read it; run: {remedy}")
        data = file.read(KEY_FILE_BYTES + 1)
    try:
        return decode_secret(data)
    except LocalError as error:
        raise LocalError(KEY_FILE, f"{path}: {error.detail}") from None


def store(path: Path, secret: bytes) -> None:
    """Puts `secret` in the place of what the file holds: afterwards it is wholly old or new.

    Called within `atomic_file.writing`.
    """
    place(path, encode_secret(secret))
