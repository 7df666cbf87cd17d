"""Errors: a small-int code that may go on the wire, and a stable label for people and logs.

Text never goes on the wire. `LocalError`: the caller misused the API. `PeerError`: the wire
misbehaved; it ends that session or stream and never leaves a pump. `Unsupported`: this platform
lacks what was asked for.
"""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


# core.reject: the contract of every message path.
INVALID_STATE_TRANSITION = const(0x10)
STALE_REPLY = const(0x11)
OVERSIZE = const(0x12)
UNAUTHENTICATED = const(0x13)
IDENTITY_SPOOF = const(0x14)
MALFORMED = const(0x15)
INVALID_NAME = const(0x16)
# noise.reject
DECRYPT_FAILED = const(0x20)
LOW_ORDER_POINT = const(0x21)
NONCE_EXHAUSTED = const(0x22)
UNSUPPORTED_SUITE = const(0x23)
UNSUPPORTED_VERSION = const(0x24)
# mux.reject
FRAME_OVERSIZE = const(0x30)
INVALID_STREAM_STATE = const(0x31)
WINDOW_CREDIT = const(0x32)
UNKNOWN_STREAM_FRAME = const(0x33)
UNAUTHENTICATED_SESSION = const(0x34)
STREAM_LIMIT = const(0x35)
DUPLICATE_STREAM_NAME = const(0x36)
INVALID_STREAM_NAME = const(0x37)
MESSAGE_OVERSIZE = const(0x38)
STREAM_KIND_MISMATCH = const(0x39)
# stream.reset: why one stream ended early, as the resetting side says it
STREAM_CANCELLED = const(0x40)
STREAM_REFUSED = const(0x41)
NO_SUCH_SERVICE = const(0x42)
HANDLER_FAILED = const(0x43)
FILE_EXISTS = const(0x44)
SHARE_CHANGED = const(0x45)
SHARE_NO_SPACE = const(0x46)
SHARE_QUOTA = const(0x47)
SHARE_BUSY = const(0x48)
LINE_VERSION = const(0x4A)
# session.end: the one cause that ends a session
END_LOCAL = const(0x50)
END_PEER = const(0x51)
END_KEEPALIVE = const(0x52)
END_HANDSHAKE_TIMEOUT = const(0x53)
END_LINK_DOWN = const(0x54)
END_INTERNAL = const(0x55)
END_NO_MEMORY = const(0x56)
END_REFUSED = const(0x59)
PEER_NOT_ALLOWED = const(0x5A)
TOKEN_REQUIRED = const(0x5B)
HALF_OPEN_LIMIT = const(0x57)
SESSION_LIMIT = const(0x58)
HANDSHAKE_BUDGET = const(0x5C)
REPLAYED_OPENING = const(0x5D)
PEER_SHARE = const(0x5E)
OTHER_KEY = const(0x5F)  # a guess from what announces itself there; never on the wire
# local: misuse of the API, and what the platform cannot do
BAD_ARGUMENT = const(0x60)
WOULD_BLOCK = const(0x61)
BAD_STATE = const(0x62)
ENTROPY_UNAVAILABLE = const(0x63)
KEY_FILE = const(0x64)
UNSUPPORTED = const(0x65)
# discovery.reject: what an announcement was dropped for
ANNOUNCE_MAGIC = const(0x70)
ANNOUNCE_VERSION = const(0x71)
ANNOUNCE_TRUNCATED = const(0x72)
ANNOUNCE_INVALID = const(0x73)
ANNOUNCE_UTF8 = const(0x74)
ANNOUNCE_OVERSIZE = const(0x75)
ANNOUNCE_LIFETIME = const(0x76)
ANNOUNCE_REPLAYED = const(0x77)
ANNOUNCE_RATE = const(0x78)
IDENTITY_MISMATCH = const(0x79)
PEER_TABLE_FULL = const(0x7A)
# discovery.wait: why there is no connection to a peer now
STALE_PEER = const(0x7B)
CONNECT_BACKOFF = const(0x7C)
HANDSHAKE_RATE = const(0x7D)
PEER_ASLEEP = const(0x7F)
# discovery.warn
CLONED_KEY = const(0x7E)
# trust
NOT_PAIRED = const(0x80)
OUTSIDE_ACL = const(0x81)
WRONG_CODE = const(0x82)
COMMITMENT_MISMATCH = const(0x83)
PAIRING_CLOSED = const(0x84)
PAIRING_LIMIT = const(0x85)
PAIRING_TIMEOUT = const(0x86)
PAIRING_CANCELLED = const(0x87)
NEXT_KEY_UNPROVEN = const(0x88)
TRUST_REVOKED = const(0x89)
STORE_DAMAGED = const(0x8A)
STORE_FULL = const(0x8B)
BAD_PAIRING_URI = const(0x8C)
AMBIGUOUS_NAME = const(0x8D)
NEXT_KEY_RATE = const(0x8E)
STORE_BUSY = const(0x8F)
# wifi: why a board's network is not there, told to the program and never on the wire
WIFI_NO_NETWORK = const(0x90)
WIFI_WRONG_PASSWORD = const(0x91)
WIFI_REFUSED = const(0x92)
WIFI_TIMEOUT = const(0x93)
WIFI_LOST = const(0x94)
WIFI_DRIVER = const(0x95)
# clock: why a peer's time is of no use here, never on the wire
CLOCK_NOT_KNOWN = const(0x98)
CLOCK_STEP = const(0x99)
# resume.reject: why a ticket is no good; a full handshake follows
RESUME_UNKNOWN = const(0xD0)
RESUME_SPENT = const(0xD1)
RESUME_EXPIRED = const(0xD2)
RESUME_REVOKED = const(0xD3)
# broker: why nobody is reached through one, told to the program and never on the wire
BAD_GROUP_TOKEN = const(0xD8)
BROKER_GONE = const(0xD9)
BROKER_REFUSED = const(0xDA)
# update: why a board does not take a version, or a file of it (docs/updates.md)
UPDATE_BUSY = const(0xC0)
UPDATE_TRIAL = const(0xC1)
UPDATE_VERSION = const(0xC2)
UPDATE_SAME = const(0xC3)
UPDATE_NO_SPACE = const(0xC4)
UPDATE_MANIFEST = const(0xC5)
UPDATE_FILE = const(0xC6)
UPDATE_STATE = const(0xC7)


def label(code: int) -> str:
    """The stable label of `code`; a code from a newer peer gets a label of its own."""
    # By name, because labels.py needs the codes above; and late, because a board that has nothing
    # to say about an error need not hold five kilobytes of text.
    labels = __import__("dsoftbus.base.labels", None, None, ("LABELS",)).LABELS
    return labels.get(code) or "unknown.0x%02x" % code


class BusError(Exception):
    """`code` is one of this module's constants; `detail` is for people, never for the wire."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    @property
    def label(self) -> str:
        """The stable name of `code`, for people and logs."""
        return label(self.code)

    def __str__(self) -> str:
        return self.label + (": " + self.detail if self.detail else "")


class LocalError(BusError):
    """The caller misused the API; nothing has changed."""


class PeerError(BusError):
    """The wire misbehaved; the state that read it is as it was before.

    `peer_code` is what the peer gave as its reason, or 0.
    """

    def __init__(self, code: int, detail: str = "", peer_code: int = 0) -> None:
        super().__init__(code, detail)
        self.peer_code = peer_code

    def __str__(self) -> str:
        said = ": the peer says " + label(self.peer_code) if self.peer_code else ""
        return super().__str__() + said


class Unsupported(LocalError):
    """This platform lacks a capability (ENOTSUP); `detail` names what is missing."""

    def __init__(self, detail: str) -> None:
        super().__init__(UNSUPPORTED, detail)
