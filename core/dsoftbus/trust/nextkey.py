"""What a node keeps of a change of its key while it is under way, beside its key file.

    a key file with the next secret (dsoftbus.identity)
    GRACE DUE CHECK

GRACE is in s, DUE in s since 1970 by this node's clock, CHECK the first 8 bytes of SHA-256 over
all before it.
"""

import hashlib
from binascii import hexlify

from dsoftbus.errors import KEY_FILE, LocalError
from dsoftbus.secret import KEY_FILE_BYTES, decode_secret, encode_secret

TEXT_MAX = KEY_FILE_BYTES + 64  # two numbers of at most 20 digits, and the check


def encode(secret: bytes, grace_s: int, due_s: int) -> bytes:
    body = encode_secret(secret) + b"%d %d " % (grace_s, due_s)
    return body + _check(body)


def decode(data: bytes) -> tuple:
    """(secret, grace in s, due in s since 1970), or LocalError(KEY_FILE)."""
    cut = data.rfind(b" ") + 1
    body = data[:cut]
    if data[cut:] != _check(body):
        raise LocalError(KEY_FILE, "next key: damaged, or cut short")
    grace, due = body[KEY_FILE_BYTES:].split()
    return decode_secret(body[:KEY_FILE_BYTES]), int(grace), int(due)


def left_s(grace_s: int, due_s: int, today_s: int) -> int:
    """What is left of the grace, 0 when it is over.

    A clock that has gone back (a board's without a battery) makes it at most whole again.
    """
    return max(min(due_s - today_s, grace_s), 0)


def _check(body: bytes) -> bytes:
    return hexlify(hashlib.sha256(body).digest()[:8]) + b"\n"
