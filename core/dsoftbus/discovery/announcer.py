"""What this node says of itself, and when."""

from dsoftbus.const import U30_MAX
from dsoftbus.discovery.announce import FLAG_QUERY

_EAGER = 3  # the first few ask who is there, and follow each other: a datagram may be lost
_EAGER_MS = 1000
_A_LIFETIME = 3  # announcements in each lifetime: two may be lost


class Announcer:
    """`said` is the node's own Announcement; its sequence begins above that of the last start."""

    def __init__(self, said, now: int):
        self.said = said
        self._due = now
        self._eager = _EAGER

    def poll_timer(self) -> int:
        return self._due

    def poll_transmit(self, now: int):
        """The packet for everyone that is due, or None."""
        if now < self._due:
            return None
        ask = FLAG_QUERY if self._eager else 0
        self._eager = max(self._eager - 1, 0)
        wait_ms = self.said.lifetime_s * 1000 // _A_LIFETIME
        self._due = now + (min(_EAGER_MS, wait_ms) if self._eager else wait_ms)
        return self._packet(ask)

    def ask(self) -> bytes:
        """A probe, for one address or for everyone."""
        return self._packet(FLAG_QUERY)

    def answer(self) -> bytes:
        """What answers a probe."""
        return self._packet(0)

    def announce_soon(self, now: int) -> None:
        """Something has changed: let everyone know."""
        self._due = now

    def goodbye(self) -> bytes:
        """The last packet of a node that leaves."""
        lifetime_s = self.said.lifetime_s
        self.said.lifetime_s = 0
        packet = self._packet(0)
        self.said.lifetime_s = lifetime_s
        return packet

    def _packet(self, extra: int) -> bytes:
        said = self.said
        said.sequence = (said.sequence + 1) & U30_MAX
        flags = said.flags
        said.flags = flags | extra
        packet = said.encode()
        said.flags = flags
        return packet
