"""How a peer is named on the command line: `KEY@HOST:PORT`."""

from __future__ import annotations

from typing import NamedTuple

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import BAD_ARGUMENT, LocalError


class Address(NamedTuple):
    """Where a peer listens, and the public key (32 bytes) that it has to prove."""

    public: bytes
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.public.hex()}@{host}:{self.port}"


def parse(text: str) -> Address:
    """The address in `text`, or LocalError(BAD_ARGUMENT) that says what is wrong with it."""
    key, separator, place = text.removeprefix("tcp://").rpartition("@")
    host, colon, port = place.rpartition(":")
    if host[:1] == "[" and host[-1:] == "]":
        host = host[1:-1]
    if not (separator and host and colon) or "[" in host or "]" in host:
        raise LocalError(BAD_ARGUMENT, f"{text}: a peer is KEY@HOST:PORT")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise LocalError(BAD_ARGUMENT, f"{port or text}: no port")
    return Address(public_key(key), host, int(port))


def public_key(text: str) -> bytes:
    """The 32 bytes of a public key in hexadecimal."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise LocalError(BAD_ARGUMENT, f"{text or 'nothing'}: a public key is 64 hex digits")
    return key
