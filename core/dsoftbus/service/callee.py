"""The calls that a peer makes here, over the stream that it opened for them.

Its driver hands over what comes (`receive`), as long as there is `room`, asks for what is to leave
(`message`, `sent`), runs the timer, and learns from `next_event` of requests that are new, were
cancelled, or may have further parts.
"""

from dsoftbus.base.codec import get_u32
from dsoftbus.errors import (
    INVALID_STATE_TRANSITION,
    OVERSIZE,
    STALE_REPLY,
    BusError,
    PeerError,
)
from dsoftbus.service import status
from dsoftbus.service.call_messages import (
    CALL,
    CANCEL,
    GRANT,
    HEAD_MAX,
    PART,
    PARTS,
    REPLY,
    name_of,
    value_at,
    why_not,
)
from dsoftbus.service.call_side import OPEN, CallSide, UnderWay
from dsoftbus.service.pieces import HEAD
from dsoftbus.service.values import decode, encode

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, Data, Deadline

RUNNING = OPEN
CANCELLED = 1
REPLIED = 2


class Request(UnderWay):
    """One call of the peer: `name`, `value`, and `deadline` in ms or None."""

    why = 0  # the status, once it was cancelled

    def __init__(self, number: int, name: str, value: "Any", deadline: "Deadline") -> None:
        super().__init__(number, deadline)
        self.name = name
        self.value = value


class Callee(CallSide):
    """`refusal(name)` is 0, or the status for who may not call it: DENIED before NO_METHOD."""

    def __init__(self, profile: "Any", refusal: "Callable[[str], int]") -> None:
        super().__init__(profile, HEAD_MAX)
        self._refusal = refusal
        self._name = ""  # of the CALL that comes in
        self._refused = 0  # and its status, where it is to be refused

    # For its driver

    @property
    def room(self) -> bool:
        """Returns whether a message may be taken: who does not read its replies is not read."""
        return len(self._outbox) <= self._profile.calls + PARTS

    def sent(self, message: "Data") -> None:
        """See `Outbox.sent`."""
        number = self._outbox.sent(message)
        request = self._calls.get(number)
        if request is not None and request.state == REPLIED and message[0] == REPLY:
            del self._calls[number]

    def receive(self, message: "Data", now: int) -> None:
        """A message of the peer. Raises PeerError for one that ends the stream."""
        inbox = self._inbox
        try:
            if inbox.take(message):
                self._begin(message)
        except MemoryError:
            self._refused = self._refused or status.BUSY
        if not inbox.whole:
            return
        if inbox.kind == CALL:
            self._on_call(now)
        elif inbox.number in self._calls:
            self._on_word(self._calls[inbox.number])

    def end(self, _why: int = 0) -> None:
        """The stream or its session has ended: every handler is cancelled."""
        for request in list(self._calls.values()):
            self._cancel(request, status.CANCELLED)
        self._calls = {}

    # For handlers

    def part(self, request: Request, value: "Any") -> bool:
        """Sends one part of a reply. False: the caller has no room for it now, or does not wait.

        Raises LocalError for what is no value, or too large.
        """
        if request.state != RUNNING or not request.credit:
            return False
        self._outbox.put(PART, request.number, encode(value, self._profile.value_bytes))
        request.credit -= 1
        return True

    def reply(self, request: Request, value: "Any", code: int = status.OK) -> None:
        """The last word. For a request that was cancelled it is why; for what cannot be said,
        `too_large` or `failed`."""
        if request.state == REPLIED or request.number not in self._calls:
            return
        if request.state == CANCELLED:
            value, code = None, request.why
        request.state = REPLIED
        try:
            said = encode(value, self._profile.value_bytes)
        except BusError as error:
            code = status.TOO_LARGE if error.code == OVERSIZE else status.FAILED
            said = encode(None, 1)
        self._outbox.put(REPLY, request.number, bytes((code,)) + said)

    # Inside

    def _begin(self, message: "Data") -> None:
        """The first message of a body: a CALL is judged by its name, before more is kept."""
        inbox = self._inbox
        if inbox.kind not in (CALL, CANCEL, GRANT):
            raise PeerError(INVALID_STATE_TRANSITION, "message of kind %d" % inbox.kind)
        if inbox.kind != CALL:
            return
        if inbox.number <= self._last:
            raise PeerError(STALE_REPLY, "id %d again" % inbox.number)
        self._last = inbox.number
        self._name = name_of(message, HEAD)
        self._refused = self._refusal(self._name)
        if not self._refused and self._busy:
            self._refused = status.BUSY
        if self._refused:
            inbox.pass_over()

    @property
    def _busy(self) -> bool:
        """Returns whether one more is too many: calls, or bytes that wait for the caller."""
        profile = self._profile
        return len(self._calls) >= profile.calls or self._outbox.bytes > profile.value_bytes

    def _on_call(self, now: int) -> None:
        number = self._inbox.number
        code = self._refused or (status.TOO_LARGE if self._inbox.passed else 0)
        self._refused = 0
        if not code:
            try:
                request = self._request(now)
                self._begin_call(request)
                self._tell(request)
            except BusError as error:
                code = why_not(error)
            except MemoryError:
                code = status.BUSY
                self._calls.pop(number, None)
        if code:
            self._outbox.put(REPLY, number, bytes((code, 0xF6)))

    def _request(self, now: int) -> Request:
        inbox = self._inbox
        body = inbox.body
        timeout_ms = get_u32(body, 0)
        if timeout_ms < 0:
            raise PeerError(INVALID_STATE_TRANSITION, "timeout")
        value = decode(body, value_at(body), len(body), self._profile.value_bytes)
        deadline = now + timeout_ms if timeout_ms else None
        return Request(inbox.number, self._name, value, deadline)

    def _on_word(self, request: Request) -> None:
        inbox = self._inbox
        if inbox.kind == CANCEL:
            self._cancel(request, status.CANCELLED)
        elif len(inbox.body) == 1 and 0 < inbox.body[0] <= PARTS - request.credit:
            request.credit += inbox.body[0]
            self._tell(request)
        else:
            raise PeerError(INVALID_STATE_TRANSITION, "credit beyond its bound")

    def _cancel(self, request: Request, code: int) -> None:
        if request.state == RUNNING:
            request.state = CANCELLED
            request.why = code
            self._tell(request)

    def _late(self, request: Request) -> None:
        self._cancel(request, status.LATE)
