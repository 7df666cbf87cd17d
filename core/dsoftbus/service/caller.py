"""The calls of one side to its peer, over the stream that it opened for them.

Its driver hands over what comes (`receive`), asks for what is to leave (`message`, `sent`), runs
the timer, and learns from `next_event` of which calls there is news.
"""

from dsoftbus.errors import INVALID_STATE_TRANSITION, MALFORMED, WINDOW_CREDIT, BusError, PeerError
from dsoftbus.service import status
from dsoftbus.service.call_messages import (
    CALL,
    CANCEL,
    GRANT,
    PART,
    PARTS,
    REPLY,
    STATUS_BYTES,
    put_call,
    why_not,
)
from dsoftbus.service.call_side import OPEN, CallSide, UnderWay
from dsoftbus.service.status import CallError
from dsoftbus.service.values import decode, encode

if False:  # for types
    from dsoftbus.contracts import Any, Data, Deadline

WAITING = OPEN
DONE = 1
GIVEN_UP = 2


class Call(UnderWay):
    """One call. `error` is a CallError once it has ended without a `value`."""

    value: "Any" = None
    error: CallError | None = None
    made = False  # it has wholly left

    def __init__(self, number: int, deadline: "Deadline") -> None:
        super().__init__(number, deadline)
        self.parts: list[Any] = []  # of its reply, that the program has not taken


class Caller(CallSide):
    """`profile` bounds calls under way (`calls`) and their values (`value_bytes`)."""

    room = True  # what comes is read: as many replies as there are calls

    def __init__(self, profile: "Any") -> None:
        super().__init__(profile, STATUS_BYTES)
        self.stale = 0  # replies to what was not asked, or had been answered

    # For programs

    def call(self, name: str, value: "Any", now: int, timeout_ms: int = 0) -> Call:
        """Begins a call. Raises CallError: BUSY with as many under way as the profile allows;
        LocalError for a name, a value or a timeout that cannot be said."""
        if len(self._calls) >= self._profile.calls:
            raise CallError(0, "calls under way", status.BUSY)
        body = put_call(name, timeout_ms, encode(value, self._profile.value_bytes))
        call = Call(self._last + 1, now + timeout_ms if timeout_ms else None)
        self._last += 1
        self._begin_call(call)
        self._outbox.put(CALL, call.number, body)
        return call

    def cancel(self, call: Call) -> None:
        """Nobody waits for this call any more."""
        self._give_up(call, status.CANCELLED)

    def take(self, call: Call) -> "Any":
        """The next part of its reply; `call.parts` has one. Half of them taken, more may come."""
        part = call.parts.pop(0)
        room = PARTS - call.credit - len(call.parts)
        if call.state == WAITING and room >= PARTS // 2:
            call.credit += room
            self._outbox.put(GRANT, call.number, bytes((room,)))
        return part

    # For its driver

    def sent(self, message: "Data") -> None:
        """See `Outbox.sent`."""
        call = self._calls.get(self._outbox.sent(message))
        if call is not None:
            call.made = True

    def receive(self, message: "Data", now: int) -> None:
        """A message of the peer. Raises PeerError for one that ends the stream."""
        inbox = self._inbox
        if inbox.take(message) and inbox.kind not in (PART, REPLY):
            raise PeerError(INVALID_STATE_TRANSITION, "message of kind %d" % inbox.kind)
        call = self._calls.get(inbox.number)
        if call is None:
            inbox.pass_over()
        if not inbox.whole:
            return
        if call is None:
            self.stale += 1
        elif inbox.kind == PART:
            self._on_part(call)
        else:
            self._on_reply(call)

    def end(self, why: int = status.NOT_MADE) -> None:
        """The stream or its session has ended: no call has an answer any more. `why` is for those
        that were not made: NO_METHOD where the peer takes no calls."""
        for call in list(self._calls.values()):
            self._end(call, CallError(0, "", status.UNKNOWN if call.made else why))
        self._calls = {}

    # Inside

    def _on_part(self, call: Call) -> None:
        if call.state != WAITING:
            return
        if not call.credit:
            raise PeerError(WINDOW_CREDIT, "a part that was not granted")
        call.credit -= 1
        try:
            call.parts.append(self._value(0))
            self._tell(call)
        except BusError as error:
            self._give_up(call, why_not(error))

    def _on_reply(self, call: Call) -> None:
        del self._calls[call.number]
        if call.state != WAITING:
            return
        error = None
        try:
            call.value, error = self._answer()
        except BusError as refused:
            error = CallError(0, "the reply", why_not(refused))
        self._end(call, error)

    def _answer(self) -> "tuple[Any, CallError | None]":
        """(value, None), or (None, error), of a whole REPLY."""
        value = self._value(STATUS_BYTES)
        said = self._inbox.body[0]
        if said == status.OK:
            return value, None
        if said != status.ERROR:
            return None, CallError(0, "", said)
        if type(value) is not list or [type(item) for item in value] != [int, str]:
            raise PeerError(MALFORMED, "an error is [number, text]")
        return None, CallError(value[0], value[1])

    def _value(self, start: int) -> "Any":
        inbox = self._inbox
        if inbox.passed:
            raise CallError(0, "", status.TOO_LARGE)
        body = inbox.body
        return decode(body, start, len(body), self._profile.value_bytes)

    def _give_up(self, call: Call, code: int) -> None:
        if call.state != WAITING:
            return
        if not call.made and self._outbox.withdraw(CALL, call.number):
            del self._calls[call.number]
        else:
            self._outbox.put(CANCEL, call.number, b"")
        self._end(call, CallError(0, "", code))
        call.state = GIVEN_UP

    def _end(self, call: Call, error: CallError | None) -> None:
        if call.state == WAITING:
            call.state = DONE
            call.error = error
            self._tell(call)

    def _late(self, call: Call) -> None:
        self._give_up(call, status.LATE)
