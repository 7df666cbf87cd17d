"""Calls that a program on a bare loop answers (docs/services.md)."""

# Public

import sys

from dsoftbus.const import CALLS_STREAM
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.service import status
from dsoftbus.service.call_messages import OWN, PREFIX
from dsoftbus.service.callee import RUNNING, Callee
from dsoftbus_mpy.services.service_line import Service, ServiceLine


class Answers(Service):
    """The program's `on_event` hands each event to this one's first.

    `on_error(error)` is told of what a handler raised that was not for its caller.
    """

    def __init__(self):
        super().__init__(CALLS_STREAM)
        self.on_error = sys.print_exception
        self._handlers = {}

    def call(self, name: str):
        """`@answers.call("led/set")` before a function: it answers the calls of this name.

        `handler(session, value)` is a plain function: what it returns is the caller's value, at
        once. It raises `CallError(number, text)` for errors of its own. Raises LocalError for a
        name that begins with `dsoftbus/`: these are the bus's own.
        """
        if name.startswith(OWN):
            raise LocalError(BAD_ARGUMENT, name)

        def register(handler):
            self._handlers[name] = handler
            return handler

        return register

    def _line(self, session, stream) -> ServiceLine:
        control = session.mux.control

        def refusal(name: str) -> int:
            if control is not None and control.gate(False, PREFIX + name):
                return status.DENIED
            return 0 if name in self._handlers else status.NO_METHOD

        callee = Callee(session.local.profile, refusal)
        return ServiceLine(session, stream, callee, self._tell)

    def _tell(self, callee, session) -> None:
        request = callee.next_event()
        while request is not None:
            if request.state == RUNNING:
                callee.reply(request, *self._answer(session, request))
            request = callee.next_event()

    def _answer(self, session, request) -> tuple:
        """(value, status)"""
        try:
            return self._handlers[request.name](session, request.value), status.OK
        except status.CallError as error:
            return [error.number, error.detail], status.ERROR
        except Exception as error:  # noqa: BLE001 - the program's own
            self.on_error(error)
            return None, status.FAILED
