"""Unreliable messages of a datagram session; only who sends or gets some pays for it."""

from dsoftbus.const import EV_MESSAGE
from dsoftbus.errors import BAD_ARGUMENT, BAD_STATE, UNAUTHENTICATED_SESSION, LocalError
from dsoftbus.mux.events import Event
from dsoftbus.packet.unreliable import queue
from dsoftbus.session.session import ESTABLISHED

if False:  # for types
    from dsoftbus.contracts import Data
    from dsoftbus.session.datagram_session import DatagramSession


def send(session: "DatagramSession", data: "Data") -> bool:
    """See `DatagramSession.send_datagram`."""
    if session.state != ESTABLISHED:
        raise LocalError(UNAUTHENTICATED_SESSION if session.half_open else BAD_STATE)
    if session.mux.control is not None:
        session.mux.control.message_gate().check()
    if len(data) > session.datagram_max:
        raise LocalError(BAD_ARGUMENT, "message of at most %d bytes" % session.datagram_max)
    return queue(session.reliable, data)


def arrival() -> Event:
    """Tells that a message is here."""
    return Event(EV_MESSAGE)
