"""The base of caller and callee: calls under way, and their time."""

from collections import deque

from dsoftbus.base.ticks import earliest
from dsoftbus.service.call_messages import PARTS
from dsoftbus.service.pieces import Inbox, Outbox

if False:  # for types
    from dsoftbus.contracts import Any, Deadline

OPEN = 0  # the state of a call that has not ended, whatever else a side calls it


class UnderWay:
    """A call, as one side has it."""

    state = OPEN
    context: "Any" = None  # its driver's
    credit = PARTS  # parts of its reply that may still come
    told = True  # there is no event of it

    def __init__(self, number: int, deadline: "Deadline") -> None:
        self.number = number
        self.deadline = deadline


class CallSide:
    """`profile` bounds calls under way (`calls`) and their values (`value_bytes`); `head_bytes`
    come before a value in what the peer sends."""

    def __init__(self, profile: "Any", head_bytes: int) -> None:
        self._profile = profile
        self._calls: dict[int, Any] = {}  # those under way, by id
        self._last = 0
        self._outbox = Outbox()
        self.message = self._outbox.message
        self._inbox = Inbox(head_bytes + profile.value_bytes)
        self._events: deque[Any] = deque((), 2 * profile.calls)
        self._deadline: Deadline = None  # none is earlier

    def handle_timer(self, now: int) -> None:
        """Ends what is late."""
        if self._deadline is None or now < self._deadline:
            return
        self._deadline = None
        for call in list(self._calls.values()):
            if call.state == OPEN and call.deadline is not None:
                if call.deadline <= now:
                    self._late(call)
                else:
                    self._deadline = earliest(self._deadline, call.deadline)

    def poll_timer(self) -> "Deadline":
        """The next deadline in ms, or None."""
        return self._deadline

    def next_event(self) -> "Any":
        """A call of which there is news, or None."""
        if not self._events:
            return None
        call = self._events.popleft()
        call.told = True
        return call

    def _begin_call(self, call: UnderWay) -> None:
        self._calls[call.number] = call
        self._deadline = earliest(self._deadline, call.deadline)

    def _tell(self, call: UnderWay) -> None:
        if call.told:
            call.told = False
            self._events.append(call)

    def _late(self, call: "Any") -> None:
        raise NotImplementedError
