"""Messages of a service: `kind u8 | id u32 | body`, in as many pieces as a body needs.

The highest bit of `kind` says that the body goes on in the next message (docs/services.md).
"""

from dsoftbus.base.codec import get_u32, put_u32
from dsoftbus.errors import INVALID_STATE_TRANSITION, MALFORMED, PeerError

if False:  # for types
    from dsoftbus.contracts import Data

MORE = 0x80
HEAD = 5


class Outbox:
    """This side's bodies, in order, on their way out. Their user bounds them by its own limits: a
    deque would take the memory of all on a board at once."""

    def __init__(self) -> None:
        self._bodies: list[tuple[int, int, bytes]] = []
        self._at = 0  # so much of the first has left
        self.bytes = 0  # of bodies that have not wholly left

    def __len__(self) -> int:
        return len(self._bodies)

    def put(self, kind: int, number: int, body: bytes) -> None:
        self._bodies.append((kind, number, body))
        self.bytes += len(body)

    def message(self, most: int) -> bytearray | None:
        """The next message, of at most `most` bytes, or None; the same until `sent()`."""
        if not self._bodies:
            return None
        kind, number, body = self._bodies[0]
        at = self._at
        end = at + most - HEAD
        if end < len(body):
            kind |= MORE
        out = bytearray(HEAD)
        out[0] = kind
        put_u32(out, 1, number)
        out += body[at:end]
        return out

    def sent(self, message: "Data") -> int:
        """`message` has left; returns the id of the body that has wholly left with it, or 0."""
        if message[0] & MORE:
            self._at += len(message) - HEAD
            return 0
        self._at = 0
        _, number, body = self._bodies.pop(0)
        self.bytes -= len(body)
        return number

    def withdraw(self, kind: int, number: int) -> bool:
        """Takes back a body. False: it has begun to leave, or is not here."""
        for i in range(len(self._bodies)):
            body = self._bodies[i]
            if body[:2] == (kind, number) and not (i == 0 and self._at):
                self.bytes -= len(body[2])
                del self._bodies[i]
                return True
        return False


class Inbox:
    """Puts the pieces of a body together, of at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.whole = True  # the body is complete
        self.kind = 0
        self.number = 0
        self.body = bytearray()
        self.passed = False  # nothing of this body is kept: it is too long, or nobody wants it

    def take(self, message: "Data") -> bool:
        """Adds a message; returns whether it is the first of a body.

        Raises PeerError where it is no piece of the body that has begun; MemoryError where there
        is no place for it, and then the rest is passed over.
        """
        number = get_u32(message, 1) if len(message) >= HEAD else -1
        if number < 0:
            raise PeerError(MALFORMED, "head of a message")
        first = self.whole
        kind = message[0] & ~MORE
        if first:
            self.kind, self.number = kind, number
            self.body, self.passed = bytearray(), False
        elif kind != self.kind or number != self.number:
            raise PeerError(INVALID_STATE_TRANSITION, "another message within a body")
        self.whole = kind == message[0]
        self._add(message)
        return first

    def pass_over(self) -> None:
        """Keeps nothing of this body, nor of what is still to come of it."""
        self.body = bytearray()
        self.passed = True

    def _add(self, message: "Data") -> None:
        if self.passed:
            return
        if len(self.body) + len(message) - HEAD > self._limit:
            self.pass_over()
            return
        try:
            self.body += message[HEAD:]
        except MemoryError:
            self.pass_over()
            raise
