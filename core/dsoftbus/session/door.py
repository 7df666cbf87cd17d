"""Who may begin a handshake: so many in a second, since each costs four scalar multiplications."""

from dsoftbus.link.drops import OVER_BUDGET
from dsoftbus.pace import TokenBucket

ADMITTED = -1
SECOND_MS = 1000


class Door:
    """For a link with one other end, such as a cable: who speaks there can only be there."""

    def __init__(self, profile):
        self._budget = TokenBucket(profile.handshakes, SECOND_MS)

    def proved(self, cookie: bytes, opening: bytes, path, now: int) -> bool:
        """Whether who sent `opening` has proved to be at `path`."""
        return True

    def refusal(self, proved: bool, crowded: bool, now: int) -> int:
        """ADMITTED, or the reason to drop an opening (drops).

        `crowded`: half of the places for handshakes under way are taken.
        """
        return ADMITTED if self._budget.take(now) else OVER_BUDGET
