"""The node's secret, made once and kept in a file that a power cut can neither lose nor halve.

    dsoftbus-key-1
    64 hex digits: the X25519 secret
    16 hex digits: SHA-256("dsoftbus-key-1" | secret), the first 8 bytes

A new secret is written to `PATH.new`, flushed to the medium, and renamed over `PATH`. littlefs and
POSIX rename in one step. FAT removes the old name first; a cut between the two leaves a whole
`PATH.new` and no `PATH`, and the next load finishes the rename.

**MicroPython has no `os.chmod`:** on the unix port the file has the mode that the umask gives it
(run with `umask 077`); on a board whoever can read the flash can read it.
"""

import binascii
import errno
import hashlib
import os

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import BAD_ARGUMENT, KEY_FILE, LocalError

_MAGIC = b"dsoftbus-key-1"
_CHECK_BYTES = 8
_FILE_BYTES = len(_MAGIC) + 1 + 2 * KEY_BYTES + 1 + 2 * _CHECK_BYTES + 1


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
    data = _read(path)
    if data is not None:
        return decode(data, path)
    data = _read(_new(path))
    if data is None or len(data) < _FILE_BYTES:
        return None  # a cut in the very first write: there was no secret before it
    secret = decode(data, _new(path))
    os.rename(_new(path), path)
    return secret


def store(path: str, secret: bytes) -> None:
    """Puts `secret` in the place of what the file holds: afterwards it is wholly old or new."""
    if len(secret) != KEY_BYTES:
        raise LocalError(BAD_ARGUMENT, "a secret of 32 bytes")
    with open(_new(path), "wb") as file:
        file.write(encode(secret))
        file.flush()  # fsync on POSIX, sync on flash: before the rename, not some time after
    os.rename(_new(path), path)


def encode(secret: bytes) -> bytes:
    lines = (_MAGIC, binascii.hexlify(secret), binascii.hexlify(_check(secret)), b"")
    return b"\n".join(lines)


def decode(data: bytes, path: str) -> bytes:
    """The secret in the file's `data`; `path` is for the error alone."""
    lines = data.split(b"\n")
    if len(data) != _FILE_BYTES or len(lines) != 4 or lines[0] != _MAGIC:
        raise LocalError(KEY_FILE, path + ": not a key file, or damaged")
    try:
        secret = binascii.unhexlify(lines[1])
        check = binascii.unhexlify(lines[2])
    except ValueError:
        raise LocalError(KEY_FILE, path + ": not hexadecimal")
    if len(secret) != KEY_BYTES or check != _check(secret):
        raise LocalError(KEY_FILE, path + ": damaged")
    return secret


def _check(secret: bytes) -> bytes:
    return hashlib.sha256(_MAGIC + secret).digest()[:_CHECK_BYTES]


def _new(path: str) -> str:
    return path + ".new"


def _read(path: str):
    """What is in the file, up to one byte more than a key file has; None if it does not exist."""
    try:
        with open(path, "rb") as file:
            return file.read(_FILE_BYTES + 1)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
    return None
