"""The node's secret, made once and kept in a file that a power cut can neither lose nor halve.

A new secret is written to `PATH.new`, flushed to the medium, and renamed over `PATH`. littlefs and
POSIX rename in one step. FAT removes the old name first; a cut between the two leaves a whole
`PATH.new` and no `PATH`, and the next load finishes the rename.

**MicroPython has no `os.chmod`:** on the unix port the file has the mode that the umask gives it
(run with `umask 077`); on a board, anyone who can read the flash can read it.
"""

import errno
import os

from dsoftbus.base.key_file import KEY_FILE_BYTES, decode_secret, encode_secret
from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import KEY_FILE, LocalError
from dsoftbus_mpy.base.secret_files import noted


def load_or_make(path: str, random) -> bytes:
    """The secret in the file at `path`, which is made with `random(n)` if it does not exist.

    Raises LocalError(KEY_FILE) for a damaged file, which is left as it is; OSError.
    """
    secret = load(path)
    if secret is None:
        secret = random(KEY_BYTES)
        store(path, secret)
    return secret


def load(path: str):
    """The secret, or None where none was ever stored. Raises LocalError(KEY_FILE), OSError."""
    if path not in noted:
        noted.append(path)
    data = read(path)
    if data is None:
        return _recovered(path)
    secret = _decode(data, path)
    if read(_new(path), 0) is not None:
        os.remove(_new(path))  # a cut left it, and it never was the key
    return secret


def _recovered(path: str):
    data = read(_new(path))
    if data is None or len(data) < KEY_FILE_BYTES:
        return None  # a cut in the very first write: there was no secret before it
    secret = _decode(data, _new(path))
    os.rename(_new(path), path)
    return secret


def store(path: str, secret: bytes) -> None:
    """Puts `secret` in the place of what the file holds: afterwards it is wholly old or new."""
    place(path, encode_secret(secret))


def place(path: str, data: bytes) -> None:
    """Puts `data` in the place of what the file holds, in the two steps above."""
    with open(_new(path), "wb") as file:
        file.write(data)
        file.flush()  # fsync on POSIX, sync on flash: before the rename, not some time after
    os.rename(_new(path), path)


def _decode(data: bytes, path: str) -> bytes:
    try:
        return decode_secret(data)
    except LocalError as error:
        raise LocalError(KEY_FILE, path + ": " + error.detail)


def _new(path: str) -> str:
    return path + ".new"


def read(path: str, most: int = KEY_FILE_BYTES):
    """Returns the bytes of the file, up to one more than `most`; None if it does not exist."""
    try:
        with open(path, "rb") as file:
            return file.read(most + 1)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
    return None
