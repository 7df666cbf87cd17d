"""What an endpoint has to know of its link: here of one that has a single other end."""

from dsoftbus.link.drops import OVER_BUDGET
from dsoftbus.link.flow import Unhindered
from dsoftbus.link.packets import DatagramProtect

ADMITTED = -1
# How much longer than on networks a session waits for what its neighbour on a line has to answer:
# the line below sends again what is lost; at 9600 baud what is under way alone may take 4 s.
PATIENCE_MS = 3000


class Cable:
    """Who speaks there can only be there; and the line below keeps its own pace. A bridge may be
    at the other end: then each channel has its share of `node`'s handshakes."""

    protect = DatagramProtect  # of (cipher to send, cipher to receive, connection, window)

    def __init__(self, node):
        self._node = node

    def proved(self, cookie: bytes, opening: bytes, path, now: int) -> bool:
        """Whether who sent `opening` has proved to be at `path`."""
        return True

    def refusal(self, proved: bool, crowded: bool, path, now: int) -> int:
        """ADMITTED, or the reason to drop an opening (drops): each costs scalar multiplications.

        `crowded`: half of the places for handshakes under way are taken.
        """
        from dsoftbus.session.arrivals import may_begin  # for a while, as `handshake` says

        return ADMITTED if may_begin(self._node, path, now) else OVER_BUDGET

    def patience_ms(self, path) -> int:
        """How long a session with the node at `path` leaves delivery to what lies below it. Beyond
        a bridge (any channel but 0) lies a network, which loses packets."""
        return 0 if path else PATIENCE_MS

    def flow(self, datagram_bytes: int, limit: int, rtt, now: int) -> tuple:
        """(congestion control, pacer) of a session, whose buffers hold `limit` bytes."""
        unhindered = Unhindered()
        return unhindered, unhindered
