"""A stream of whole messages: each is its length, `u32`, and its bytes (docs/wire-format.md)."""

from dsoftbus.base.codec import put_u32
from dsoftbus.const import KIND_MESSAGES, MESSAGE_PREFIX
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, MESSAGE_OVERSIZE, LocalError
from dsoftbus.mux.stream import REMOTE_ENDED, Stream
from dsoftbus.mux.stream_states import SEND_DATA, TABLE

if False:  # for types
    from dsoftbus.contracts import Buffer, Data
    from dsoftbus.mux.mux import Mux


class MessageStream(Stream):
    """Made by its `Mux`, for a stream of this kind: who has none does not load this."""

    def __init__(self, mux: "Mux", number: int, name: str, priority: int) -> None:
        super().__init__(mux, number, name, priority, KIND_MESSAGES)
        self.max_message = -1  # the longest the peer takes, once it has said so
        self._prefix_left = 0  # so much of the length of what is on loan is to be sent

    # Sending

    def allow_messages(self, max_message: int) -> None:
        """The peer takes messages of this size: never more than half its credit, for up to half
        of it may be held back in the batching of window updates."""
        self.max_message = min(max_message, self._mux.initial_credit // 2 - MESSAGE_PREFIX)
        self.note_writable()

    def send_message(self, data: "Data") -> bool:
        """Takes `data` on loan as one message, wholly or (False, it would block) not at all."""
        if self.state + SEND_DATA not in TABLE:
            self._require(SEND_DATA)
        if len(data) > self.max_message >= 0:
            raise LocalError(BAD_ARGUMENT, "message of at most %d bytes" % self.max_message)
        n = len(data) + MESSAGE_PREFIX
        if self.pending or n > self.credit or self.max_message < 0:
            self._wants_writable = True
            return False
        self._prefix_left = MESSAGE_PREFIX
        self._lend(data, 0, n)
        return True

    def take_loan(self, out: "Buffer", at: int, n: int) -> None:
        if self._prefix_left:
            k = self._take_prefix(out, at, n)
            self.pending -= k
            at += k
            n -= k
        super().take_loan(out, at, n)

    def _take_prefix(self, out: "Buffer", at: int, n: int) -> int:
        """Moves up to `n` bytes of the length of the loan; returns how many that are."""
        left = self._prefix_left
        if left == MESSAGE_PREFIX <= n:
            put_u32(out, at, len(self.loan))
            self._prefix_left = 0
            return MESSAGE_PREFIX
        k = min(n, left)
        prefix = bytearray(MESSAGE_PREFIX)
        put_u32(prefix, 0, len(self.loan))
        self._mux.copy(out, at, prefix, MESSAGE_PREFIX - left, k)
        self._prefix_left = left - k
        return k

    def keep_loan(self) -> None:
        left = self._prefix_left
        self.pending -= left  # the prefix is not the lender's
        super().keep_loan()
        self.pending += left

    # Receiving

    @property
    def message_bytes(self) -> int:
        """The size of the next message if it is here wholly, else -1.

        One that is longer than was agreed, or that the stream's end cuts off, resets the stream.
        """
        used = self.ring.used
        if not used:
            return -1
        size = self.ring.u32() if used >= MESSAGE_PREFIX else 0
        if size < 0 or size > self._mux.profile.max_message:
            self.fail(MESSAGE_OVERSIZE)
        elif used >= MESSAGE_PREFIX + size:
            return size
        elif self.state in REMOTE_ENDED:
            self.fail(MALFORMED)
        return -1

    def recv_message_into(self, buffer: "Buffer") -> int:
        """Moves the next whole message into `buffer`; returns its size, or -1 if none is here."""
        size = self.message_bytes
        if size > len(buffer):
            raise LocalError(BAD_ARGUMENT, "message of %d bytes" % size)
        if size >= 0:
            self._take(buffer, size)
        return size

    def recv_message(self) -> bytearray | None:
        """The next whole message in a buffer of its own, or None if none is here."""
        size = self.message_bytes
        if size < 0:
            return None
        message = bytearray(size)
        self._take(message, size)
        return message

    def _take(self, buffer: "Buffer", size: int) -> None:
        self.ring.drop(MESSAGE_PREFIX)
        self.ring.take_into(buffer, 0, size)
        self._grant(MESSAGE_PREFIX + size)
