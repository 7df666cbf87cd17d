"""Unreliable messages of a datagram session; only who sends or gets some pays for it."""

from dsoftbus.const import EV_MESSAGE
from dsoftbus.errors import BAD_ARGUMENT, BAD_STATE, UNAUTHENTICATED_SESSION, LocalError
from dsoftbus.link.unreliable import queue
from dsoftbus.session.events import Event
from dsoftbus.session.session import ESTABLISHED


def send(session, data) -> bool:
    """See `DatagramSession.send_datagram`."""
    if session.state != ESTABLISHED:
        raise LocalError(UNAUTHENTICATED_SESSION if session.half_open else BAD_STATE)
    if session.mux.control is not None:
        session.mux.control.messages.check()
    if len(data) > session.datagram_max:
        raise LocalError(BAD_ARGUMENT, "message of at most %d bytes" % session.datagram_max)
    return queue(session.reliable, data)


def arrival() -> Event:
    """Tells that a message is here."""
    return Event(EV_MESSAGE)
