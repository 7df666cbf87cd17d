"""The announcements of this node: their content and their times."""

from dsoftbus.const import ANNOUNCE_MAX, U30_MAX
from dsoftbus.discovery.announce import FLAG_QUERY

if False:  # for types
    from dsoftbus.discovery.announce import Announcement


_EAGER = 3  # the first few ask who is there, and follow each other: a datagram may be lost
_EAGER_MS = 1000
_A_LIFETIME = 3  # announcements in each lifetime: two may be lost
ASK_BYTES = 320  # of a question on a network: most nodes' whole announcement fits into its answer


class Announcer:
    """`said` is the node's own Announcement; its sequence begins above that of the last start.

    `ask_bytes`: how long questions are at least. On a network no answer is longer.
    """

    def __init__(self, said: "Announcement", now: int, ask_bytes: int = 0) -> None:
        self.said = said
        self._ask_bytes = ask_bytes
        self._due = now
        self._eager = _EAGER

    def poll_timer(self) -> int:
        return self._due

    def poll_transmit(self, now: int) -> bytes | None:
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

    def answer(self, most: int = ANNOUNCE_MAX) -> bytes | None:
        """Returns the answer to a probe of `most` bytes, or None where it would be longer."""
        packet = self._packet(0)
        if len(packet) > most:
            from dsoftbus.discovery.padding import within  # few have so much to say

            return within(self.said, packet, most)
        return packet

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
        if extra and len(packet) < self._ask_bytes:
            from dsoftbus.discovery.padding import padded  # at the start, and for probes

            packet = padded(said, self._ask_bytes)
        said.flags = flags
        return packet
