"""Protection of datagrams: `type u8 | connection id u32 | packet number u32 | ciphertext`.

Apart from `protect`, which does it for records, so that who has no datagram link does not pay.
"""

from struct import pack_into

from dsoftbus.base.codec import get_u32
from dsoftbus.const import PACKET_HEADER, REC_PROTECTED, REKEY_RECORDS, TAG_BYTES, U30_MAX
from dsoftbus.errors import NONCE_EXHAUSTED, LocalError
from dsoftbus.packet.drops import FORGED, REPLAYED, STALE, TRUNCATED
from dsoftbus.packet.replay import ReplayWindow

if False:  # for types
    from dsoftbus.contracts import Buffer, Data
    from dsoftbus.noise.cipher_state import CipherState
    from dsoftbus.packet.acks import AckReader


PACKET_OVERHEAD = PACKET_HEADER + TAG_BYTES
_HEADER = ">BII"
LAST_NUMBER = U30_MAX - 64  # what lies beyond is for the few packets that tell the end


class DatagramProtect:
    """Explicit numbers and a replay window; both ends rekey by number, with no message.

    `send` and `receive` are the CipherStates of Noise Split(); packets go to the peer's
    `connection`. `number` is that of the packet opened last, `newest` whether it was the largest.
    """

    def __init__(
        self,
        send: "CipherState",
        receive: "CipherState",
        connection: int,
        window: int,
        rekey: int = REKEY_RECORDS,
    ) -> None:
        self._send = send
        self._connection = connection
        self._rekey_mask = rekey - 1  # a power of two
        self._rekey = rekey
        self._phase = 0
        # The key of the phase before, for packets that come late
        self._earlier: CipherState | None = None
        self._receive = receive
        # And of the next, made once a packet claims to be of it
        self._later: CipherState | None = None
        self._window = ReplayWindow(window)
        self.number = -1
        self.newest = False

    @property
    def next_number(self) -> int:
        """The number of the next packet that is sealed."""
        return self._send.n

    def judge(self, acks: "AckReader") -> int:
        """-1 for an acknowledgement of what was never sent; else how many of the numbers just
        below its largest were left out, and are not late."""
        return -1 if acks.largest >= self._send.n else 0

    def seal(self, src: "Data", at: int, stop: int, out: "Buffer") -> int:
        """Makes a packet in `out` of the plaintext `src[at:stop]`; returns its length.

        A plaintext that lies in `out` itself, from PACKET_HEADER on, is sealed in place.
        """
        number = self._send.n
        if number > U30_MAX:
            raise LocalError(NONCE_EXHAUSTED)
        pack_into(_HEADER, out, 0, REC_PROTECTED, self._connection, number)
        end = self._send.seal(b"", src, at, stop, out, PACKET_HEADER)
        if not self._send.n & self._rekey_mask:
            self._send.rekey()
        return end

    def open(self, data: "Buffer", stop: int) -> int:
        """Opens the packet `data[:stop]` in place; the plaintext is then data[PACKET_HEADER:end].

        Returns its end. A packet that must be dropped gives ~kind (drops), with nothing changed
        but `data`.
        """
        if stop <= PACKET_OVERHEAD:
            return ~TRUNCATED
        number = get_u32(data, PACKET_HEADER - 4)
        newest = number > self._window.largest
        if not newest:
            if number < 0 or self._window.stale(number):
                return ~STALE
            if self._window.seen(number):
                return ~REPLAYED
        cipher = self.cipher_of(number)
        if cipher is None:
            return ~STALE
        end = cipher.open_numbered(number, data, PACKET_HEADER, stop)
        if end < 0:
            return ~FORGED
        if number // self._rekey > self._phase:
            self._turn_over()
        self.newest = newest
        self.number = number
        self._window.mark(number)
        return end

    def cipher_of(self, number: int) -> "CipherState | None":
        """Returns the cipher of the packet with this number; None when its key is gone, or not yet
        due."""
        phase = number // self._rekey
        if phase == self._phase:
            return self._receive
        if phase == self._phase - 1:
            return self._earlier
        if phase != self._phase + 1:
            return None
        if self._later is None:
            later = self._receive.fork()
            later.rekey()
            self._later = later
        return self._later

    def _turn_over(self) -> None:
        """The peer has shown that it is in the next phase."""
        self._earlier = self._receive
        self._receive = self._later  # type: ignore[assignment] # made by now
        self._later = None
        self._phase += 1
