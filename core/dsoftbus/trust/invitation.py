"""The text of a QR code or a sticker: a key, a token, a name, addresses (docs/wire-format.md).

dsoftbus:KEY?t=TOKEN&n=NAME&a=ADDRESS
"""

import hashlib

from dsoftbus.base.codec import is_name, text
from dsoftbus.const import KEY_BYTES, NODE_NAME_MAX
from dsoftbus.errors import BAD_ARGUMENT, BAD_PAIRING_URI, LocalError, PeerError
from dsoftbus.identity import base32, device_id
from dsoftbus.trust.base32_text import from_base32

if False:  # for types
    from collections.abc import Collection


# Public

TOKEN_BYTES = 16
URI_MAX = 512  # a QR code of this size is still read from a phone's screen
_ADDRESSES_MAX = 4
_SCHEME = "dsoftbus:"
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/[]"
_HEX = "0123456789abcdef"


def psk(token: bytes) -> bytes:
    """The 32-byte key of XKpsk3 that a 16-byte token stands for."""
    return hashlib.sha256(b"dsoftbus-token-1" + token).digest()


class Invitation:
    """`public` is the key of the node that invites; `addresses` are `tcp://...` or `udp://...`."""

    def __init__(
        self, public: bytes, token: bytes, name: str = "", addresses: "Collection[str]" = ()
    ) -> None:
        self.public = public
        self.token = token
        self.name = name
        self.addresses = addresses

    @property
    def id(self) -> str:
        return device_id(self.public)

    @property
    def psk(self) -> bytes:
        return psk(self.token)

    def encode(self) -> str:
        if not is_name(self.name):
            raise LocalError(BAD_ARGUMENT, "a name, all of which shows")
        uri = _SCHEME + base32(self.public) + "?t=" + base32(self.token)
        if self.name:
            uri += "&n=" + _escape(self.name)
        for address in self.addresses:
            uri += "&a=" + _escape(address)
        if len(uri) > URI_MAX or len(self.addresses) > _ADDRESSES_MAX:
            raise LocalError(BAD_ARGUMENT, "pairing URI of at most 512 characters, 4 addresses")
        return uri


def decode(uri: str) -> Invitation:
    """The invitation in a URI. Raises PeerError(BAD_PAIRING_URI) for anything else."""
    try:
        return _decode(uri)
    except PeerError as error:
        raise PeerError(BAD_PAIRING_URI, error.detail)
    except ValueError:  # what came from a command line may be no text
        raise PeerError(BAD_PAIRING_URI, "UTF-8")


def _decode(uri: str) -> Invitation:
    if len(uri) > URI_MAX or uri[: len(_SCHEME)].lower() != _SCHEME:
        raise PeerError(BAD_PAIRING_URI, "scheme or length")
    key, query = _parted(uri[len(_SCHEME) :], "?")
    invitation = Invitation(_sized(key, KEY_BYTES), b"")
    addresses = []
    for field in query.split("&"):
        name, value = _parted(field, "=")
        if name == "t":
            invitation.token = _sized(value, TOKEN_BYTES)
        elif name == "n":
            invitation.name = _unescape(value)
        elif name == "a":
            addresses.append(_address(_unescape(value)))
    if not invitation.token or len(addresses) > _ADDRESSES_MAX:
        raise PeerError(BAD_PAIRING_URI, "one token, at most 4 addresses")
    if len(invitation.name.encode()) > NODE_NAME_MAX or not is_name(invitation.name):
        raise PeerError(BAD_PAIRING_URI, "name of at most 32 bytes, all of which show")
    invitation.addresses = tuple(addresses)
    return invitation


def _parted(whole: str, mark: str) -> tuple[str, str]:
    """str.partition, which not every MicroPython has."""
    at = whole.find(mark)
    return (whole, "") if at < 0 else (whole[:at], whole[at + 1 :])


def _sized(chars: str, size: int) -> bytes:
    raw = from_base32(chars)
    if len(raw) != size:
        raise PeerError(BAD_PAIRING_URI, "%d bytes in base32" % size)
    return raw


def _address(address: str) -> str:
    colon = address.rfind(":")
    port = address[colon + 1 :]
    digits = 0 < len(port) <= 5 and all("0" <= char <= "9" for char in port)
    if address[:6] not in ("tcp://", "udp://") or colon <= 6:
        raise PeerError(BAD_PAIRING_URI, "address")
    if not digits or not 0 < int(port) < 65536:
        raise PeerError(BAD_PAIRING_URI, "port")
    return address


def _escape(plain: str) -> str:
    return "".join([chr(b) if chr(b) in _PLAIN else "%%%02x" % b for b in plain.encode()])


def _unescape(escaped: str) -> str:
    raw = bytearray()
    at = 0
    while at < len(escaped):
        char = escaped[at]
        if char == "%":
            high = _HEX.find(escaped[at + 1 : at + 2].lower() or "-")
            low = _HEX.find(escaped[at + 2 : at + 3].lower() or "-")
            if high < 0 or low < 0:
                raise PeerError(BAD_PAIRING_URI, "escape")
            raw.append(high << 4 | low)
            at += 3
        else:
            raw.extend(char.encode())
            at += 1
    return text(raw)
