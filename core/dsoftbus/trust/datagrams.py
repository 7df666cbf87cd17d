"""Unreliable messages under the access rules: imported for sessions that have such."""

from dsoftbus.const import DATAGRAMS
from dsoftbus.errors import LocalError
from dsoftbus.trust.acl import IN, OUT

if False:  # for types
    from dsoftbus.packet.reliable import Reliable
    from dsoftbus.trust.guard import Guard


class MessageGate:
    """The gate of one session with `device`: messages pass where a stream `datagrams` could.

    The rules are asked once, and again when the store has changed. A refusal is told once until
    the answer changes, for a peer may send as many messages as it likes.
    """

    def __init__(self, guard: "Guard", device: str, reliable: "Reliable") -> None:
        self._guard = guard
        self._device = device
        self._reliable = reliable
        self._revision = -1
        self._codes: dict[int, int] = {}  # by direction, as of that revision
        self._told: dict[int, int] = {}
        reliable.gate = self.takes

    def takes(self) -> bool:
        """Returns whether a message of the peer may be queued."""
        return not self._refusal(IN)

    def check(self) -> None:
        """A message is to be sent. Raises LocalError with the code of the refusal."""
        code = self._refusal(OUT)
        if code:
            raise LocalError(code, DATAGRAMS)

    def recheck(self) -> None:
        """The rules have changed: what waits and may not pass any more is dropped."""
        reliable = self._reliable
        if self._code(IN):
            while reliable.arrived:
                reliable.arrived.popleft()
                reliable.messages_dropped += 1
        if self._code(OUT):
            while reliable.waiting:
                reliable.waiting.popleft()

    def _refusal(self, direction: int) -> int:
        code = self._code(direction)
        if self._told.get(direction, 0) != code:
            self._told[direction] = code
            if code:
                self._guard.deny(self._device, direction, DATAGRAMS, code)
        return code

    def _code(self, direction: int) -> int:
        guard = self._guard
        if self._revision != guard.store.revision:
            self._revision = guard.store.revision
            self._codes = {}
        code = self._codes.get(direction)
        if code is None:
            code = self._codes[direction] = guard.acl.refusal(self._device, direction, DATAGRAMS)
        return code
