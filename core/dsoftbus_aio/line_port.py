"""Serial lines: the sessions over a `LineLink`, with the node at its end or behind a bridge."""

# Ours

from dsoftbus.base.ticks import earliest
from dsoftbus.const import LINK_LINE, SUITE_CHACHA_SHA256
from dsoftbus.line.line import NEIGHBOUR
from dsoftbus_aio.datagram_port import DatagramPort

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, Deadline
    from dsoftbus_aio.connection import Connection


class LinePort(DatagramPort):
    """A line of a bus, and the sessions on it. A subclass watches its link."""

    LINE = True

    async def connect(
        self,
        public: bytes,
        timeout_ms: int = 20000,
        psk: bytes | None = None,
        channel: int = NEIGHBOUR,
    ) -> "Connection":
        """A session with the node whose public key is `public`, or BusError: the one at the other
        end, or the one to which a bridge there leads on `channel`.

        `psk` is the token of an invitation.
        """
        # What a bridge calls a node may change, so it is no place to seek it again.
        route = (LINK_LINE, self.path, channel) if channel == NEIGHBOUR else None
        deadline = self._now() + timeout_ms
        connection = self.begin(channel, public, SUITE_CHACHA_SHA256, psk, route, deadline)
        return await connection.established()

    # Ours: what stands before the line

    def wrap_link(self, make: "Callable[[Any], Any]") -> "Any":
        """`make(link)` gives a link that stands before the line from now on, and is returned."""
        self._pump.link = before = make(self._link)
        return before

    def _read(self) -> None:
        self._link.now = self._now()
        super()._read()

    def _move(self) -> None:
        self._link.turn(self._pump, self._now())

    @property
    def blocked(self) -> bool:
        return self._link.blocked

    def _handle_timer(self, now: int) -> None:
        self._link.handle_timer(now)
        super()._handle_timer(now)

    def _deadline(self) -> "Deadline":
        return earliest(super()._deadline(), self._link.poll_timer())
