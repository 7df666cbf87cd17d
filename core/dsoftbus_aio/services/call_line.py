"""One stream of calls, each of which has its time. Programs without calls do not load this."""

from dsoftbus.errors import NO_SUCH_SERVICE, NOT_PAIRED, OUTSIDE_ACL
from dsoftbus.service import status
from dsoftbus_aio.services.own_calls import PRIVILEGED, right
from dsoftbus_aio.services.service_line import ServiceLine

if False:  # for types
    from dsoftbus.contracts import Any, Deadline
    from dsoftbus.mux.message_stream import MessageStream
    from dsoftbus_aio.connection import Connection


# Codes of a stream that the peer would not have, as the calls that waited for it are told.
_WHY = {
    NO_SUCH_SERVICE: status.NO_METHOD,
    OUTSIDE_ACL: status.DENIED,
    NOT_PAIRED: status.DENIED,
}


class CallLine(ServiceLine):
    """A stream of calls, whose machine is a Caller or a Callee."""

    def __init__(self, connection: "Connection", stream: "MessageStream", machine: "Any") -> None:
        super().__init__(connection, stream, machine)
        self._deadline: Deadline = None
        self._timer = connection.runtime.timer(self._on_timer)

    def _time(self) -> None:
        """Sets the timer, unless it is due as early: most calls are over before theirs is."""
        deadline = None if self.ended else self.machine.poll_timer()
        if deadline is not None and (self._deadline is None or deadline < self._deadline):
            self._deadline = deadline
            self._timer.at(deadline)

    def _on_timer(self) -> None:
        self._deadline = None
        self.machine.handle_timer(self.connection.runtime.now())
        self.turn()
        self._time()

    def _end(self, code: int) -> None:
        self._timer.close()
        self.machine.end(_WHY.get(code, status.NOT_MADE))


def denied(connection: "Connection", outgoing: bool, name: str) -> int:
    """0, or why the rules do not allow this call."""
    asked = right(name)
    control = connection.session.mux.control
    if control is not None:
        return control.gate(outgoing, asked) if asked else 0
    return OUTSIDE_ACL if asked in PRIVILEGED and not outgoing else 0
