"""The handshake of datagram links: the one of all links, and what a datagram session needs more.

The prologue binds the initiator's connection id; HELLO is preceded by `connection id u32 |
segments u16` (docs/wire-format.md, packets).
"""

from dsoftbus.base.codec import Reader, put_u16, put_u32
from dsoftbus.const import LINK_DATAGRAM
from dsoftbus.errors import MALFORMED, PeerError
from dsoftbus.handshake.handshake import Handshake

if False:  # for types
    from dsoftbus.session.node_config import NodeConfig


_FIXED = 6


class DatagramHandshake(Handshake):
    """`opener` is the initiator's connection id, `connection` this side's own.

    `datagram_bytes`: the longest datagram that this side takes.
    """

    asks_again = False  # there each INIT begins a session of its own

    def __init__(
        self,
        local: "NodeConfig",
        opener: int,
        connection: int,
        datagram_bytes: int,
        suite: int = 0,
        remote_static: bytes | None = None,
    ) -> None:
        link = bytearray(5)
        link[0] = LINK_DATAGRAM
        put_u32(link, 1, opener)
        self._connection = connection
        self._datagram_bytes = datagram_bytes
        self.peer_connection = opener  # the responder's follows with its offer
        self.peer_segments = 0
        super().__init__(local, bytes(link), suite, remote_static)

    def _payload(self) -> bytes:
        fixed = bytearray(_FIXED)
        put_u16(fixed, put_u32(fixed, 0, self._connection), self.local.profile.segments)
        return bytes(fixed) + self._say_hello(self._datagram_bytes)

    def _on_payload(self, payload: bytes) -> None:
        reader = Reader(payload)
        connection = reader.u32()
        segments = reader.u16()
        if not segments:
            raise PeerError(MALFORMED, "no room for segments")
        super()._on_payload(reader.raw(reader.left))
        self.peer_connection = connection
        self.peer_segments = segments
