"""Packet numbers that are left out, so that nobody can acknowledge what has not arrived.

A peer that acknowledges packets ahead of their arrival makes the sender send faster than the path
carries, to a victim of its choice (RFC 9000, section 21.4). A number that was never sent gives
that away.
"""

from dsoftbus.const import REKEY_RECORDS
from dsoftbus.errors import BusError
from dsoftbus.packet.packets import DatagramProtect
from dsoftbus.packet.recovery import REORDER_PACKETS

if False:  # for types
    from dsoftbus.contracts import Buffer, Data, Random
    from dsoftbus.noise.cipher_state import CipherState
    from dsoftbus.packet.acks import AckReader


LEAST = 4  # packets between two gaps: so loss detection meets one at a time
# The first gap comes before the window has grown much. Later ones are rarer: each costs every
# acknowledgement four bytes, until it is far below the largest number.
FIRST_SPAN = 64
LAST_SPAN = 4096
_KEPT = 4  # gaps back: more than a window reaches
_NEVER = -1
_LACKS = (BusError, MemoryError)


class GappedProtect(DatagramProtect):
    """A DatagramProtect that leaves numbers out; cryptographic `random(n)` says which."""

    def __init__(
        self,
        random: "Random",
        send: "CipherState",
        receive: "CipherState",
        connection: int,
        window: int,
        rekey: int = REKEY_RECORDS,
    ) -> None:
        super().__init__(send, receive, connection, window, rekey)
        self._random = random
        self._gaps = [_NEVER] * _KEPT  # the newest last
        self._span = FIRST_SPAN
        self._plan()

    def seal(self, src: "Data", at: int, stop: int, out: "Buffer") -> int:
        # Not super(): with so many arguments MicroPython would allocate for that, at every packet.
        end = DatagramProtect.seal(self, src, at, stop, out)
        if self._send.n == self._next_gap:
            self._leave_out()
        return end

    def judge(self, acks: "AckReader") -> int:
        newest = self._gaps[_KEPT - 1]
        if acks.largest >= self._send.n:
            return -1
        if acks.low[acks.count - 1] <= newest and self._covers_a_gap(acks):
            return -1
        return 1 if acks.largest - REORDER_PACKETS < newest < acks.largest else 0

    def _covers_a_gap(self, acks: "AckReader") -> bool:
        for gap in self._gaps:
            for i in range(acks.count):
                if acks.low[i] <= gap <= acks.high[i]:
                    return True
        return False

    def _leave_out(self) -> None:
        number = self._send.n
        if (number + 1) & self._rekey_mask:  # else the next number needs the next key
            for i in range(_KEPT - 1):  # in place: this is where packets leave
                self._gaps[i] = self._gaps[i + 1]
            self._gaps[_KEPT - 1] = number
            self._send.n = number + 1
        self._plan()

    def _plan(self) -> None:
        """Draws the next gap. Without random bytes there is none, and the session lives on."""
        try:
            raw = self._random(2)
        except _LACKS:
            self._next_gap = _NEVER
            return
        self._next_gap = self._send.n + LEAST + ((raw[0] << 8 | raw[1]) & self._span - 1)
        self._span = min(self._span << 2, LAST_SPAN)
