"""Device ids: what a public key is called. An id cannot be claimed without its key."""

import hashlib

from dsoftbus.errors import IDENTITY_SPOOF, MALFORMED, PeerError

ID_CHARS = 26  # 128 bits, 5 a character
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_DOMAIN = b"dsoftbus-id-1"


def device_id(public) -> str:
    """`base32(SHA-256("dsoftbus-id-1" || public)[:16])`, lower case, 26 characters."""
    return base32(hashlib.sha256(_DOMAIN + bytes(public)).digest()[:16])


def short_id(device: str) -> str:
    """The form for people to compare at a glance: the first eight characters, in two groups.

    40 bits tell the nodes of one place apart; they prove nothing.
    """
    return device[:4] + "-" + device[4:8]


def looks_like_id(name: str) -> bool:
    return len(name) == ID_CHARS and all(c in _ALPHABET for c in name)


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
            chars.append(_ALPHABET[bits >> held & 31])
        bits &= (1 << held) - 1
    if held:
        chars.append(_ALPHABET[bits << (5 - held) & 31])
    return "".join(chars)


def from_base32(chars: str) -> bytes:
    """What `base32` made, in either case. Raises PeerError(MALFORMED) for anything else."""
    out = bytearray()
    bits = 0
    held = 0
    for char in chars.lower():
        value = _ALPHABET.find(char)
        if value < 0:
            raise PeerError(MALFORMED, "base32")
        bits = bits << 5 | value
        held += 5
        if held >= 8:
            held -= 8
            out.append(bits >> held)
            bits &= (1 << held) - 1
    if bits or held >= 5:
        raise PeerError(MALFORMED, "base32")
    return bytes(out)
