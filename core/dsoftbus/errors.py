"""Errors: a small-int code that may go on the wire, and a stable label for people and logs.

Text never goes on the wire. `LocalError`: the caller misused the API. `PeerError`: the wire
misbehaved; it ends that session or stream and never leaves a pump. `Unsupported`: this platform
lacks what was asked for.
"""

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


# core.reject: the contract of every message path.
INVALID_STATE_TRANSITION = const(0x10)
STALE_REPLY = const(0x11)
OVERSIZE = const(0x12)
UNAUTHENTICATED = const(0x13)
IDENTITY_SPOOF = const(0x14)
MALFORMED = const(0x15)
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
HALF_OPEN_LIMIT = const(0x57)
SESSION_LIMIT = const(0x58)
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

LABELS = {
    INVALID_STATE_TRANSITION: "core.reject.invalid_state_transition",
    STALE_REPLY: "core.reject.nonce_mismatch_or_stale_reply",
    OVERSIZE: "core.reject.oversize_frame_or_record",
    UNAUTHENTICATED: "core.reject.unauthenticated_message_path",
    IDENTITY_SPOOF: "core.reject.payload_identity_spoof_vs_sender_service_id",
    MALFORMED: "core.reject.malformed_message",
    DECRYPT_FAILED: "noise.reject.decrypt_failed",
    LOW_ORDER_POINT: "noise.reject.low_order_point",
    NONCE_EXHAUSTED: "noise.reject.nonce_exhausted",
    UNSUPPORTED_SUITE: "noise.reject.unsupported_suite",
    UNSUPPORTED_VERSION: "noise.reject.unsupported_version",
    FRAME_OVERSIZE: "mux.reject.frame_oversize",
    INVALID_STREAM_STATE: "mux.reject.invalid_stream_state_transition",
    WINDOW_CREDIT: "mux.reject.window_credit_overflow_or_underflow",
    UNKNOWN_STREAM_FRAME: "mux.reject.unknown_stream_frame",
    UNAUTHENTICATED_SESSION: "mux.reject.unauthenticated_session",
    STREAM_LIMIT: "mux.reject.stream_limit_exceeded",
    DUPLICATE_STREAM_NAME: "mux.reject.duplicate_stream_name",
    INVALID_STREAM_NAME: "mux.reject.invalid_stream_name",
    MESSAGE_OVERSIZE: "mux.reject.message_oversize",
    STREAM_KIND_MISMATCH: "mux.reject.stream_kind_mismatch",
    STREAM_CANCELLED: "stream.reset.cancelled",
    STREAM_REFUSED: "stream.reset.refused",
    NO_SUCH_SERVICE: "stream.reset.no_such_service",
    END_LOCAL: "session.end.local",
    END_PEER: "session.end.peer",
    END_KEEPALIVE: "session.end.keepalive_timeout",
    END_HANDSHAKE_TIMEOUT: "session.end.handshake_timeout",
    END_LINK_DOWN: "session.end.link_down",
    END_INTERNAL: "session.end.internal",
    END_NO_MEMORY: "session.end.no_memory",
    END_REFUSED: "session.end.refused",
    PEER_NOT_ALLOWED: "session.reject.peer_not_allowed",
    HALF_OPEN_LIMIT: "session.reject.half_open_limit",
    SESSION_LIMIT: "session.reject.session_limit",
    BAD_ARGUMENT: "local.bad_argument",
    WOULD_BLOCK: "local.would_block",
    BAD_STATE: "local.bad_state",
    ENTROPY_UNAVAILABLE: "local.entropy_unavailable",
    KEY_FILE: "local.key_file",
    UNSUPPORTED: "local.unsupported",
    ANNOUNCE_MAGIC: "discovery.reject.bad_magic",
    ANNOUNCE_VERSION: "discovery.reject.unsupported_version",
    ANNOUNCE_TRUNCATED: "discovery.reject.truncated",
    ANNOUNCE_INVALID: "discovery.reject.invalid_input",
    ANNOUNCE_UTF8: "discovery.reject.bad_utf8",
    ANNOUNCE_OVERSIZE: "discovery.reject.oversize_packet",
    ANNOUNCE_LIFETIME: "discovery.reject.lifetime_out_of_bounds",
    ANNOUNCE_REPLAYED: "discovery.reject.replayed_announcement",
    ANNOUNCE_RATE: "discovery.reject.rate_limit_exceeded",
    IDENTITY_MISMATCH: "discovery.reject.identity_mismatch",
    PEER_TABLE_FULL: "discovery.reject.peer_table_full",
    STALE_PEER: "discovery.reject.stale_peer",
    CONNECT_BACKOFF: "discovery.wait.connect_backoff",
    HANDSHAKE_RATE: "discovery.wait.handshake_rate",
    NOT_PAIRED: "trust.reject.not_paired",
    OUTSIDE_ACL: "trust.reject.outside_acl",
    WRONG_CODE: "trust.reject.wrong_code",
    COMMITMENT_MISMATCH: "trust.reject.commitment_mismatch",
    PAIRING_CLOSED: "trust.reject.pairing_closed",
    PAIRING_LIMIT: "trust.reject.pairing_attempts_exceeded",
    PAIRING_TIMEOUT: "trust.reject.pairing_timeout",
    PAIRING_CANCELLED: "trust.reject.pairing_cancelled",
    NEXT_KEY_UNPROVEN: "trust.reject.next_key_unproven",
    TRUST_REVOKED: "trust.end.revoked",
    STORE_DAMAGED: "trust.store.damaged",
    STORE_FULL: "trust.store.full",
    BAD_PAIRING_URI: "trust.reject.pairing_uri",
}


def label(code: int) -> str:
    """The stable label of `code`; a code from a newer peer gets a label of its own."""
    return LABELS.get(code) or "unknown.0x%02x" % code


class BusError(Exception):
    """`code` is one of this module's constants; `detail` is for people, never for the wire."""

    def __init__(self, code: int, detail: str = ""):
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    @property
    def label(self) -> str:
        return label(self.code)

    def __str__(self):
        return self.label + (": " + self.detail if self.detail else "")


class LocalError(BusError):
    """The caller misused the API; nothing has changed."""


class PeerError(BusError):
    """The wire misbehaved; the state that read it is as it was before.

    `peer_code` is what the peer gave as its reason, or 0.
    """

    def __init__(self, code: int, detail: str = "", peer_code: int = 0):
        super().__init__(code, detail)
        self.peer_code = peer_code


class Unsupported(LocalError):
    """This platform lacks a capability (ENOTSUP); `detail` names what is missing."""

    def __init__(self, detail: str):
        super().__init__(UNSUPPORTED, detail)
