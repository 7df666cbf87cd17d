"""The search for the longest packet that a path carries (RFC 8899, DPLPMTUD): of hosts alone.

It goes upward by acknowledged probes, while there is much to send: a link's neighbour knows
nothing of the path, and what routers say of it can be forged.
"""

from dsoftbus.const import DATAGRAM_MAX

# What links carry behind the headers of IP and UDP: a tunnel (WireGuard, 1420), PPPoE (1492),
# Ethernet (1500), jumbo frames (9000). Where IPv6 takes 20 bytes more, the size below is found.
SIZES = (1372, 1444, 1472, 8952)
FULL_PACKETS = 10  # that were filled before there is a search: for less it does not pay
TRIES = 3  # MAX_PROBES, RFC 8899 section 5.1.2
RAISE_MS = 600000  # PMTU_RAISE_TIMER, section 5.1.1
NO_PROBE = -1


class PathMtu:
    """A search. `size` is what the path carries for certain, from DATAGRAM_MAX to `ceiling`."""

    def __init__(self, ceiling: int) -> None:
        self._agreed = ceiling
        self.ceiling = ceiling
        self.restart()

    def limit(self, most: int) -> None:
        """The link of this path carries no more than `most` bytes, 1200 at least."""
        self.ceiling = min(self._agreed, most)

    def restart(self) -> None:
        """Knows nothing about the path."""
        self.size = DATAGRAM_MAX
        self.number = NO_PROBE  # of the packet that is the probe under way
        self.wanted = False  # there is more to find, and more to send
        self._filled = 0
        self._tries = 0
        self._until = -1  # an ended search rests up to this time; -1: it has not ended
        self._probed_at = 0

    @property
    def next_size(self) -> int:
        """The size that is tried next; what is known already where there is none."""
        for size in SIZES:
            if self.size < size < self.ceiling:
                return size
        return self.ceiling

    def on_filled(self) -> None:
        """A packet was filled: there would be more for a longer one."""
        self._filled += 1
        if self._filled == FULL_PACKETS:
            self.wanted = self.size < self.ceiling

    def due(self, now: int, timeout_ms: int) -> bool:
        """Tells, while it is `wanted`, whether a probe of `next_size` is to be sent; one under way
        is lost after `timeout_ms`."""
        if self.number != NO_PROBE:
            if now - self._probed_at <= timeout_ms:
                return False
            self.number = NO_PROBE
            if self._tries >= TRIES:
                self._until = now + RAISE_MS
        if self._until >= 0:
            if now < self._until:
                return False
            self._until = -1
            self._tries = 0
        return True

    def on_probe(self, number: int, now: int) -> None:
        """The packet `number` is a probe of `next_size`."""
        self.number = number
        self._probed_at = now
        self._tries += 1

    def on_acked(self) -> None:
        """The probe under way has arrived."""
        self.size = self.next_size
        self.number = NO_PROBE
        self._tries = 0
        self.wanted = self.size < self.ceiling
