"""The medium of an endpoint whose link has a single other end."""

from dsoftbus.packet.drops import OVER_BUDGET
from dsoftbus.packet.flow import Unhindered
from dsoftbus.packet.packets import DatagramProtect

if False:  # for types
    from dsoftbus.contracts import Address, Congestion, Pacing
    from dsoftbus.packet.rtt import Rtt
    from dsoftbus.session.session_table import SessionTable


ADMITTED = -1
# How much longer than on networks a session waits for what its neighbour on a line has to answer:
# the line below sends again what is lost; at 9600 baud what is under way alone may take 4 s.
PATIENCE_MS = 3000


class PointToPoint:
    """A cable: its other end can be nowhere else, and the line below keeps its own pace. A bridge
    may be at the other end: then each channel has its share of `node`'s handshakes."""

    protect = DatagramProtect  # of (cipher to send, cipher to receive, connection, window)

    def __init__(self, node: "SessionTable") -> None:
        self._node = node

    def proved(self, cookie: bytes, opening: bytes, path: "Address", now: int) -> bool:
        """Returns whether the sender of `opening` has proved to be at `path`."""
        return True

    def refusal(self, proved: bool, crowded: bool, path: "Address", now: int) -> int:
        """ADMITTED, or the reason to drop an opening (drops): each costs scalar multiplications.

        `crowded`: half of the places for handshakes under way are taken.
        """
        from dsoftbus.handshake.arrivals import may_begin  # for a while, as `handshake` says

        return ADMITTED if may_begin(self._node, path, now) else OVER_BUDGET

    def patience_ms(self, path: "Address") -> int:
        """Returns how long, in ms, a session with the node at `path` leaves delivery to the line.
        Beyond a bridge (any channel but 0) lies a network, which loses packets."""
        return 0 if path else PATIENCE_MS

    def flow(
        self, datagram_bytes: int, limit: int, rtt: "Rtt", now: int
    ) -> "tuple[Congestion, Pacing]":
        """(congestion control, pacer) of a session, whose buffers hold `limit` bytes."""
        unhindered = Unhindered()
        return unhindered, unhindered
