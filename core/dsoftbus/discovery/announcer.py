"""What this node says of itself, and when."""

from dsoftbus.const import ANNOUNCE_MAX, SERVICE_NAME_MAX, SERVICES_MAX, U30_MAX
from dsoftbus.discovery.announce import FLAG_QUERY

_EAGER = 3  # the first few ask who is there, and follow each other: a datagram may be lost
_EAGER_MS = 1000
_A_LIFETIME = 3  # announcements in each lifetime: two may be lost
PAD = "dsoftbus.pad"  # services that begin so are none
ASK_BYTES = 320  # of a question on a network: most nodes' whole announcement fits into its answer


class Announcer:
    """`said` is the node's own Announcement; its sequence begins above that of the last start.

    `ask_bytes`: how long questions are at least. On a network no answer is longer.
    """

    def __init__(self, said, now: int, ask_bytes: int = 0):
        self.said = said
        self._ask_bytes = ask_bytes
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

    def answer(self, most: int = ANNOUNCE_MAX):
        """What answers a probe of `most` bytes, or None where it would be longer."""
        return within(self.said, self._packet(0), most)

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
        packet = padded(said, self._ask_bytes) if extra else said.encode()
        said.flags = flags
        return packet


def within(said, packet: bytes, most: int):
    """The announcement `packet` of `said`, or one with so many services less that it has at most
    `most` bytes; None where there is none."""
    services = said.services
    while len(packet) > most and said.services:
        said.services = said.services[:-1]
        packet = said.encode()
    said.services = services
    return packet if len(packet) <= most else None


def padded(said, least: int) -> bytes:
    """The packet of `said`, with services that are none where it would be shorter than `least`."""
    packet = said.encode()
    missing = least - len(packet)
    services = said.services
    while missing > 0 and len(said.services) < SERVICES_MAX:
        name = PAD + "." * (min(missing - 1, SERVICE_NAME_MAX) - len(PAD))
        said.services = tuple(said.services) + (name,)
        missing -= 1 + len(name)
        packet = said.encode()
    said.services = services
    return packet
