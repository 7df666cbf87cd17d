"""Device ids: what a public key is called; and the form in which its secret is kept.

An id cannot be claimed without its key. A key file is three lines:

    dsoftbus-key-1
    64 hex digits: the X25519 secret
    16 hex digits: SHA-256("dsoftbus-key-1" || secret), the first 8 bytes
"""

import binascii
import hashlib

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import (
    BAD_ARGUMENT,
    IDENTITY_SPOOF,
    KEY_FILE,
    LocalError,
    PeerError,
)

ID_CHARS = 26  # 128 bits, 5 a character
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_DOMAIN = b"dsoftbus-id-1"
_FILE_MAGIC = b"dsoftbus-key-1"
_CHECK_BYTES = 8
KEY_FILE_BYTES = len(_FILE_MAGIC) + 2 * KEY_BYTES + 2 * _CHECK_BYTES + 3  # three line ends


def device_id(public) -> str:
    """`base32(SHA-256("dsoftbus-id-1" || public)[:16])`, lower case, 26 characters."""
    return base32(hashlib.sha256(_DOMAIN + bytes(public)).digest()[:16])


def looks_like_id(name: str) -> bool:
    return len(name) == ID_CHARS and all(c in BASE32 for c in name)


def check_claim(claimed: str, channel_id: str) -> None:
    """Refuses a payload that names another sender than the channel it came through.

    The identity is the channel's, never the payload's: a claim can only agree or be refused.
    """
    if claimed != channel_id:
        raise PeerError(IDENTITY_SPOOF, claimed)


def base32(raw: bytes) -> str:
    """RFC 4648 base32 without padding, lower case."""
    chars = []
    bits = 0
    held = 0
    for byte in raw:
        bits = bits << 8 | byte
        held += 8
        while held >= 5:
            held -= 5
            chars.append(BASE32[bits >> held & 31])
        bits &= (1 << held) - 1
    if held:
        chars.append(BASE32[bits << (5 - held) & 31])
    return "".join(chars)


def encode_secret(secret: bytes) -> bytes:
    """What a key file holds."""
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
