"""Reads base32, which people type or scan."""

from dsoftbus.errors import MALFORMED, PeerError
from dsoftbus.identity import BASE32


def from_base32(chars: str) -> bytes:
    """Returns the bytes that `base32` encoded, in either case. Raises PeerError(MALFORMED) for
    anything else."""
    out = bytearray()
    bits = 0
    held = 0
    for char in chars.lower():
        value = BASE32.find(char)
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
