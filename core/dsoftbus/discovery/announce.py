"""Announcements `NXSB`, versions 1 and 2 (docs/wire-format.md).

Both begin `"NXSB" | version u8 | id length u8 | id`. Then
version 1: `port u16 | key 32 | services`;
version 2: `key 32 | sequence u32 | lifetime u16 | flags u8 | links | name | services`.

Decoding is total, and only what `encode` could have made is taken: either gives back the other's
bytes.
"""

from dsoftbus.base.codec import Reader, is_name, put_u16, put_u32, text
from dsoftbus.const import (
    ANNOUNCE_MAX,
    KEY_BYTES,
    LINK_STREAM,
    NODE_NAME_MAX,
    SERVICE_NAME_MAX,
    SERVICES_MAX,
    U30_MAX,
)
from dsoftbus.errors import (
    ANNOUNCE_INVALID,
    ANNOUNCE_LIFETIME,
    ANNOUNCE_MAGIC,
    ANNOUNCE_OVERSIZE,
    ANNOUNCE_TRUNCATED,
    ANNOUNCE_UTF8,
    ANNOUNCE_VERSION,
    BAD_ARGUMENT,
    MALFORMED,
    LocalError,
    PeerError,
)

if False:  # for types
    from collections.abc import Sequence

    from dsoftbus.contracts import Data
    from dsoftbus.node import Node


MAGIC = b"NXSB"
FLAG_QUERY = 1  # whoever hears this answers with its own announcement, to the sender alone
FLAG_PAIRING = 2  # this node takes pairings now
FLAG_TOKEN = 4  # this node pairs by its token only
PAD = "dsoftbus.pad"  # services that begin so are none: they make a question longer
JUMP_MAX = 65536  # from one announcement of a node to its next that is heard
LIFETIME_S = 60  # of version 1, and what nodes say unless told otherwise
LIFETIME_MIN_S = 5  # shorter ones would only make traffic
LIFETIME_MAX_S = 600  # for how long a node that has gone may seem to be there
LINKS_MAX = 8
_ID_MAX = 64
_ID_AT = 6


def pairing_flags(node: "Node", now: int) -> int:
    """Returns the flags that say how `node` pairs now: by digits, by its token only, or not."""
    if node.guard is None:
        return 0
    if node.guard.desk.is_open(now):
        return FLAG_PAIRING
    return FLAG_TOKEN if node.local.taken_psk is not None else 0


class Announcement:
    """`links` are (kind, port) pairs, kind one of const.LINK_*; `lifetime_s` 0 is a goodbye.

    Version 1 has the port of one stream link and no sequence (-1), flags or name.
    """

    def __init__(
        self,
        device: str,
        public: bytes,
        links: "Sequence[tuple[int, int]]" = (),
        services: "Sequence[str]" = (),
        name: str = "",
        version: int = 2,
    ) -> None:
        self.version = version
        self.id = device
        self.public = public
        self.links = links
        self.services = services
        self.name = name
        self.sequence = -1 if version == 1 else 0
        self.lifetime_s = LIFETIME_S
        self.flags = 0

    def encode(self) -> bytes:
        """The packet. Raises LocalError(BAD_ARGUMENT) for what no packet can say."""
        head = MAGIC + bytes((self.version,)) + _named(self.id, 1, _ID_MAX)
        if len(self.public) != KEY_BYTES:
            raise LocalError(BAD_ARGUMENT, "key of 32 bytes")
        packet = head + (self._body_1() if self.version == 1 else self._body_2())
        packet += _listed(self.services)
        if len(packet) > ANNOUNCE_MAX:
            raise LocalError(BAD_ARGUMENT, "announcement of at most 1200 bytes")
        return packet

    def _body_1(self) -> bytes:
        port = self.links[0][1] if self.links else 0
        return bytes((port >> 8, port & 0xFF)) + bytes(self.public)

    def _body_2(self) -> bytes:
        if not 0 <= self.sequence <= U30_MAX or not _lifetime_fits(self.lifetime_s):
            raise LocalError(BAD_ARGUMENT, "sequence or lifetime")
        if len(self.links) > LINKS_MAX:
            raise LocalError(BAD_ARGUMENT, "at most 8 links")
        fixed = bytearray(8)
        at = put_u32(fixed, 0, self.sequence)
        at = put_u16(fixed, at, self.lifetime_s)
        fixed[at] = self.flags
        fixed[at + 1] = len(self.links)
        links = b"".join([bytes((kind, port >> 8, port & 0xFF)) for kind, port in self.links])
        return bytes(self.public) + bytes(fixed) + links + _named(self.name, 0, NODE_NAME_MAX)


def claimed(data: "Data") -> tuple[str, bytes]:
    """(device id, key) that a packet claims, at the cost of a glance; ("", b"") for none."""
    if len(data) < _ID_AT or bytes(data[:4]) != MAGIC:
        return "", b""
    at = _ID_AT + data[5]
    try:
        device = str(bytes(data[_ID_AT:at]), "utf-8")
    except UnicodeError:
        return "", b""
    if data[4] == 1:
        at += 2  # its port
    return device, bytes(data[at : at + KEY_BYTES])


def decode(data: "Data") -> Announcement:
    """The announcement in a whole packet, or PeerError with one of errors.ANNOUNCE_*.

    That its id is the one of its key is for the caller to check.
    """
    if len(data) > ANNOUNCE_MAX:
        raise PeerError(ANNOUNCE_OVERSIZE, str(len(data)))
    packet = _Packet(data)
    try:
        return _decode(packet)
    except PeerError as error:
        if error.code == MALFORMED:  # a number out of range, or trailing bytes
            raise PeerError(ANNOUNCE_INVALID, error.detail)
        raise


def _decode(packet: "_Packet") -> Announcement:
    if packet.raw(len(MAGIC)) != MAGIC:
        raise PeerError(ANNOUNCE_MAGIC)
    version = packet.u8()
    if version != 1 and version != 2:
        raise PeerError(ANNOUNCE_VERSION, str(version))
    device = packet.name(1, _ID_MAX)
    said = Announcement(device, b"", version=version)
    if version == 1:
        port = packet.u16()
        said.links = ((LINK_STREAM, port),) if port else ()
        said.public = packet.raw(KEY_BYTES)
    else:
        _decode_2(packet, said)
    said.services = tuple([packet.name(1, SERVICE_NAME_MAX) for _ in packet.count(SERVICES_MAX)])
    packet.finish()
    return said


def _decode_2(packet: "_Packet", said: Announcement) -> None:
    said.public = packet.raw(KEY_BYTES)
    said.sequence = packet.u32()
    said.lifetime_s = packet.u16()
    if not _lifetime_fits(said.lifetime_s):
        raise PeerError(ANNOUNCE_LIFETIME, str(said.lifetime_s))
    said.flags = packet.u8()
    said.links = tuple([packet.link() for _ in packet.count(LINKS_MAX)])
    said.name = packet.name(0, NODE_NAME_MAX)


class _Packet(Reader):
    """A Reader that tells the kinds of bad input apart."""

    def _take(self, n: int) -> int:
        if n > self.left:
            raise PeerError(ANNOUNCE_TRUNCATED)
        return super()._take(n)

    def count(self, most: int) -> range:
        """The range of a list's indices."""
        n = self.u8()
        if n > most:
            raise PeerError(ANNOUNCE_INVALID, "count")
        return range(n)

    def name(self, least: int, most: int) -> str:
        n = self.u8()
        if not least <= n <= most:
            raise PeerError(ANNOUNCE_INVALID, "length")
        raw = self.raw(n)
        try:
            found = text(raw)
        except PeerError:
            raise PeerError(ANNOUNCE_UTF8)
        if not is_name(found):
            raise PeerError(ANNOUNCE_INVALID, "name")
        return found

    def link(self) -> tuple[int, int]:
        kind, port = self.u8(), self.u16()
        if not port:
            raise PeerError(ANNOUNCE_INVALID, "port")
        return kind, port


def _lifetime_fits(lifetime_s: int) -> bool:
    return lifetime_s == 0 or LIFETIME_MIN_S <= lifetime_s <= LIFETIME_MAX_S


def _named(name: str, least: int, most: int) -> bytes:
    raw = name.encode() if is_name(name) else b""
    if not least <= len(raw) <= most or (name and not raw):
        raise LocalError(BAD_ARGUMENT, "name of %d..%d bytes, all of which show" % (least, most))
    return bytes((len(raw),)) + raw


def _listed(services: "Sequence[str]") -> bytes:
    if len(services) > SERVICES_MAX:
        raise LocalError(BAD_ARGUMENT, "at most 16 services")
    return bytes((len(services),)) + b"".join([_named(s, 1, SERVICE_NAME_MAX) for s in services])
