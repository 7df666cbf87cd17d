"""Questions of a program that looks around and is no node, as a command that sends a file."""

from __future__ import annotations

from collections.abc import Callable

from dsoftbus.discovery.announce import Announcement
from dsoftbus.discovery.announcer import ASK_BYTES, Announcer
from dsoftbus.identity import device_id


class Asker(Announcer):
    """Asks who is there, and says of itself only that nobody is to remember it: under an id that
    nobody has, with a lifetime of 0. So it is no node to others, and another program with the same
    key, which is one, stays what it is to them.

    `random(n)` gives n random bytes.
    """

    def __init__(self, random: Callable[[int], bytes], now: int) -> None:
        public = random(32)
        super().__init__(Announcement(device_id(public), public), now, ASK_BYTES)

    def poll_transmit(self, now: int) -> bytes | None:
        """The question to everyone that is due, or None."""
        asks = self._eager > 0
        packet: bytes | None = super().poll_transmit(now)
        return packet if asks else None

    def answer(self, most: int = 0) -> None:
        """Another that asks hears nothing."""

    def goodbye(self) -> bytes:
        """There is nothing to take back."""
        return b""

    def _packet(self, extra: int) -> bytes:
        lifetime_s = self.said.lifetime_s  # the times of a node's announcements follow from it
        self.said.lifetime_s = 0
        packet: bytes = super()._packet(extra)
        self.said.lifetime_s = lifetime_s
        return packet
