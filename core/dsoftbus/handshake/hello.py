"""HELLO: what each side can take, inside the handshake's second and third message.

`version u8 | record_bytes u16 | streams u16 | stream_credit u32 | session_credit u32 |
features u32 | name length u8 | name` (docs/wire-format.md).
"""

from dsoftbus.base.codec import Reader, is_name, put_u16, put_u32
from dsoftbus.const import NODE_NAME_MAX
from dsoftbus.errors import INVALID_NAME, MALFORMED, PeerError
from dsoftbus.identity import check_claim, device_id, looks_like_id

if False:  # for types
    from dsoftbus.contracts import Data, Profile


HELLO_VERSION = 1
_FIXED = 18
_CREDIT_MIN = 64
_RECORD_MIN = 200  # the longest control frame, with all overhead, fits
_STREAMS_MAX = 32767


class Hello:
    """Sizes in bytes; `features` bits; `name` for people, at most 32 bytes of UTF-8."""

    def __init__(
        self,
        record_bytes: int,
        streams: int,
        stream_credit: int,
        session_credit: int,
        features: int = 0,
        name: str = "",
    ) -> None:
        self.record_bytes = record_bytes
        self.streams = streams
        self.stream_credit = stream_credit
        self.session_credit = session_credit
        self.features = features
        self.name = name

    def encode(self) -> bytes:
        name = self.name.encode()
        out = bytearray(_FIXED)
        out[0] = HELLO_VERSION
        at = put_u16(out, 1, self.record_bytes)
        at = put_u16(out, at, self.streams)
        at = put_u32(out, at, self.stream_credit)
        at = put_u32(out, at, self.session_credit)
        at = put_u32(out, at, self.features)
        out[at] = len(name)
        return bytes(out) + name


def own(profile: "Profile", name: str, record_bytes: int = 0) -> Hello:
    """Returns the HELLO of a node with this profile; `record_bytes` where the link has its own."""
    return Hello(
        record_bytes or profile.record_bytes,
        profile.streams,
        profile.stream_credit,
        profile.session_credit,
        0,
        name,
    )


def decode(data: "Data", sender_public: "Data") -> Hello:
    """The peer's HELLO. `sender_public` is the key that the handshake has proved.

    Raises PeerError: MALFORMED; INVALID_NAME for a name that would not show as it is;
    IDENTITY_SPOOF for one that poses as another's id.
    """
    reader = Reader(data)
    if reader.u8() != HELLO_VERSION:
        raise PeerError(MALFORMED, "hello version")
    hello = Hello(reader.u16(), reader.u16(), reader.u32(), reader.u32(), reader.u32())
    hello.name = reader.text(_name_length(reader.u8()))
    reader.finish()
    if hello.record_bytes < _RECORD_MIN or hello.streams > _STREAMS_MAX:
        raise PeerError(MALFORMED, "hello limits")
    if min(hello.stream_credit, hello.session_credit) < _CREDIT_MIN:
        raise PeerError(MALFORMED, "hello credit")
    if not is_name(hello.name):
        raise PeerError(INVALID_NAME)
    if looks_like_id(hello.name):
        check_claim(hello.name, device_id(sender_public))
    return hello


def _name_length(n: int) -> int:
    if n > NODE_NAME_MAX:
        raise PeerError(MALFORMED, "node name")
    return n
