"""The token by which a group is handed over: text, or a QR code (docs/broker.md)."""

from hashlib import sha256

from dsoftbus.base.codec import Reader, is_name, put_u16, text
from dsoftbus.broker.group import PREFIX, SECRET_BYTES, Group
from dsoftbus.const import NODE_NAME_MAX
from dsoftbus.errors import BAD_ARGUMENT, BAD_GROUP_TOKEN, LocalError, PeerError
from dsoftbus.identity import base32
from dsoftbus.trust.invitation import from_base32

SCHEME = "dsoftbus-group:"
BROKER_MAX = 512
PREFIX_MAX = 64
_VERSION = 1
_CHECK = 4
_TOKEN_MAX = 1200


def encode(group: Group) -> str:
    """The token of a group. Raises LocalError(BAD_ARGUMENT) for names that are too long."""
    name, prefix, broker = group.name.encode(), group.prefix.encode(), group.broker.encode()
    if len(name) > NODE_NAME_MAX or not is_name(group.name) or len(prefix) > PREFIX_MAX:
        raise LocalError(BAD_ARGUMENT, "name of at most 32 bytes, all of which show")
    if len(broker) > BROKER_MAX:
        raise LocalError(BAD_ARGUMENT, "URL of at most 512 bytes")
    length = bytearray(2)
    put_u16(length, 0, len(broker))
    body = bytes((_VERSION,)) + group.secret + bytes((len(name),)) + name
    body += bytes((len(prefix),)) + prefix + bytes(length) + broker
    return SCHEME + base32(body + sha256(body).digest()[:_CHECK])


def decode(token: str) -> Group:
    """The group of a token. Raises PeerError(BAD_GROUP_TOKEN) for anything else."""
    token = token.strip()
    try:
        if len(token) > _TOKEN_MAX or token[: len(SCHEME)].lower() != SCHEME:
            raise PeerError(BAD_GROUP_TOKEN, "it begins with " + SCHEME)
        return _decode(from_base32(token[len(SCHEME) :]))
    except (LocalError, PeerError) as error:
        raise PeerError(BAD_GROUP_TOKEN, error.detail)
    except ValueError:  # what came from a command line may be no text
        raise PeerError(BAD_GROUP_TOKEN, "UTF-8")


def _decode(raw: bytes) -> Group:
    body = raw[:-_CHECK]
    if len(raw) < _CHECK or sha256(body).digest()[:_CHECK] != raw[-_CHECK:]:
        raise PeerError(BAD_GROUP_TOKEN, "a typing error, or a part of it is missing")
    reader = Reader(body)
    if reader.u8() != _VERSION:
        raise PeerError(BAD_GROUP_TOKEN, "a newer version")
    secret = reader.raw(SECRET_BYTES)
    name = text(reader.raw(reader.u8()))
    prefix = text(reader.raw(reader.u8()))
    broker = text(reader.raw(reader.u16()))
    reader.finish()
    if not is_name(name) or len(name.encode()) > NODE_NAME_MAX:
        raise PeerError(BAD_GROUP_TOKEN, "name")
    return Group(secret, name, broker, prefix or PREFIX)
