"""Protection of established sessions on stream links; `packets` has the type for datagrams."""

from dsoftbus.const import REC_PROTECTED, RECORD_HEADER, REKEY_RECORDS, TAG_BYTES

if False:  # for types
    from dsoftbus.contracts import Buffer
    from dsoftbus.noise.cipher_state import CipherState


RECORD_OVERHEAD = RECORD_HEADER + TAG_BYTES


class StreamProtect:
    """Implicit nonces, in place; both ends rekey by count, with no message.

    `send` and `receive` are the CipherStates of Noise Split().
    """

    def __init__(
        self, send: "CipherState", receive: "CipherState", rekey_records: int = REKEY_RECORDS
    ) -> None:
        self._send = send
        self._receive = receive
        self._rekey_mask = rekey_records - 1  # a power of two

    def seal(self, out: "Buffer", at: int, stop: int) -> int:
        """Makes a record at `at` of the plaintext in `out[at + 3:stop]`; returns its end."""
        start = at + RECORD_HEADER
        length = stop - start + TAG_BYTES + 1
        out[at] = length >> 8
        out[at + 1] = length & 0xFF
        out[at + 2] = REC_PROTECTED
        stop = self._send.seal(b"", out, start, stop, out, start)
        if not self._send.n & self._rekey_mask:
            self._send.rekey()
        return stop

    def open(self, buffer: "Buffer", at: int, stop: int) -> int:
        """Opens the body `buffer[at:stop]` in place; returns the index past the plaintext.

        Raises PeerError(DECRYPT_FAILED).
        """
        stop = self._receive.open(b"", buffer, at, stop, buffer, at)
        if not self._receive.n & self._rekey_mask:
            self._receive.rekey()
        return stop
