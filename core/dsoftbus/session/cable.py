"""What an endpoint has to know of its link: here of one that has a single other end."""

from dsoftbus.link.drops import OVER_BUDGET
from dsoftbus.link.flow import Unhindered
from dsoftbus.pace import TokenBucket

ADMITTED = -1
SECOND_MS = 1000


class Cable:
    """Who speaks there can only be there; and the line below keeps its own pace."""

    def __init__(self, profile):
        self._budget = TokenBucket(profile.handshakes, SECOND_MS)

    def proved(self, cookie: bytes, opening: bytes, path, now: int) -> bool:
        """Whether who sent `opening` has proved to be at `path`."""
        return True

    def refusal(self, proved: bool, crowded: bool, now: int) -> int:
        """ADMITTED, or the reason to drop an opening (drops): each costs scalar multiplications.

        `crowded`: half of the places for handshakes under way are taken.
        """
        return ADMITTED if self._budget.take(now) else OVER_BUDGET

    def flow(self, datagram_bytes: int, limit: int, rtt, now: int) -> tuple:
        """(congestion control, pacer) of a session, whose buffers hold `limit` bytes."""
        unhindered = Unhindered()
        return unhindered, unhindered
