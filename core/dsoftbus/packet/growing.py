"""Rings of what is under way, as large as they had to be: most sessions of a hub are quiet."""

from dsoftbus.packet.recovery import PROBES, Recovery

if False:  # for types
    from collections.abc import Iterable

    from dsoftbus.contracts import Any, Congestion
    from dsoftbus.packet.rtt import Rtt
    from dsoftbus.packet.segments import Outbox


FIRST = 16  # slots of a ring at the beginning; then twice as many, up to its limit


def moved(ring: "Any", larger: "Any", numbers: "Iterable[int]") -> "Any":
    """Returns `larger` with what `ring` has of `numbers`: each has the slot of its remainder."""
    for number in numbers:
        larger[number % len(larger)] = ring[number % len(ring)]
    return larger


class GrowingRecovery(Recovery):
    """A `Recovery` that has room for the packets of so many `segments`, each sent twice, and takes
    it when it is needed."""

    def __init__(
        self, segments: int, outbox: "Outbox", rtt: "Rtt", congestion: "Congestion"
    ) -> None:
        super().__init__(FIRST, outbox, rtt, congestion)
        self._most = 2 * segments + FIRST

    @property
    def has_room(self) -> bool:
        return self._count < self._most - PROBES

    def _make_room(self) -> None:
        if self._capacity == self._most:
            super()._make_room()
            return
        self._capacity = min(2 * self._capacity, self._most)
        self._numbers = self._unrolled(self._numbers)
        self._times = self._unrolled(self._times)
        self._sizes = self._unrolled(self._sizes)
        self._segments = self._unrolled(self._segments)
        self._head = 0

    def _unrolled(self, ring: "list[int]") -> "list[int]":
        """The full `ring` from its head on, and the new slots."""
        room = self._capacity - len(ring)
        return ring[self._head :] + ring[: self._head] + [0] * room
