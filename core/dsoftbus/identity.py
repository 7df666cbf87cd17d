"""Device ids: what a public key is called. An id cannot be claimed without its key."""

import hashlib

from dsoftbus.errors import IDENTITY_SPOOF, PeerError

if False:  # for types
    from dsoftbus.contracts import Data


ID_CHARS = 26  # 128 bits, 5 a character
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_DOMAIN = b"dsoftbus-id-1"


def device_id(public: "Data") -> str:
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
    chars = bytearray()
    bits = 0
    held = 0
    for byte in raw + b"\0":  # the last character may need some more bits
        bits = bits << 8 | byte
        held += 8
        while held >= 5:
            held -= 5
            five = bits >> held & 31
            chars.append(five + (97 if five < 26 else 24))  # a to z, then 2 to 7
        bits &= (1 << held) - 1
    return str(chars[: (len(raw) * 8 + 4) // 5], "utf-8")
