"""The form in which a node's secret is kept: a key file of three lines.

dsoftbus-key-1
64 hex digits: the X25519 secret
16 hex digits: SHA-256("dsoftbus-key-1" || secret), the first 8 bytes
"""

import binascii
import hashlib

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import BAD_ARGUMENT, KEY_FILE, LocalError

_FILE_MAGIC = b"dsoftbus-key-1"
_CHECK_BYTES = 8
KEY_FILE_BYTES = len(_FILE_MAGIC) + 2 * KEY_BYTES + 2 * _CHECK_BYTES + 3  # three line ends


def encode_secret(secret: bytes) -> bytes:
    """Returns the text of a key file."""
    if len(secret) != KEY_BYTES:
        raise LocalError(BAD_ARGUMENT, "a secret of 32 bytes")
    lines = (_FILE_MAGIC, binascii.hexlify(secret), binascii.hexlify(_check(secret)), b"")
    return b"\n".join(lines)


def decode_secret(data: bytes) -> bytes:
    """The secret in a key file's `data`, or LocalError(KEY_FILE)."""
    lines = data.split(b"\n")
    if len(data) != KEY_FILE_BYTES or len(lines) != 4 or lines[0] != _FILE_MAGIC:
        raise LocalError(KEY_FILE, "not a key file, or cut short")
    try:
        secret = binascii.unhexlify(lines[1])
        check = binascii.unhexlify(lines[2])
    except ValueError:
        raise LocalError(KEY_FILE, "not hexadecimal") from None
    if len(secret) != KEY_BYTES or check != _check(secret):
        raise LocalError(KEY_FILE, "damaged")
    return secret


def _check(secret: bytes) -> bytes:
    return hashlib.sha256(_FILE_MAGIC + secret).digest()[:_CHECK_BYTES]
