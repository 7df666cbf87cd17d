"""A datagram link of many sessions: a turn is for those that have something to do."""

# Ours

from dsoftbus.base.ticks import earliest
from dsoftbus.packet.rtt import ACK_DELAY_MS
from dsoftbus_aio.datagram_port import DatagramPort

if False:  # for types
    from dsoftbus.contracts import Any, Deadline
    from dsoftbus.session.datagram_session import DatagramSession
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.datagram_port import DatagramConnection


_BLOCKED_MS = 20  # between two looks at the timers while the link takes nothing


class HubPort(DatagramPort):
    """Drives a `HubEndpoint`, which the bus's node gives: see `dsoftbus.hub`."""

    WRITES = 64  # datagrams in one turn; then others have theirs

    def __init__(self, bus: "BaseBus", link: "Any") -> None:
        super().__init__(bus, link)
        self._hub: Any = self.endpoint  # it knows more than others
        self._gone: list[DatagramSession] = []  # sessions that are no more
        self._hub.on_forgotten = self._gone.append
        self._waiting = False  # acknowledgements wait for a turn, which the timer gives

    def adopt(self, session: "DatagramSession") -> "DatagramConnection":
        try:
            return super().adopt(session)
        finally:
            self._hub.wake(session)  # it may have been refused

    def close(self) -> None:
        for session in self._hub.sessions.values():
            self._hub.wake(session)
        super().close()

    def turn_soon(self, session: "DatagramSession | None") -> None:
        if session is not None:
            self._note_command(session)
        super().turn_soon(session)

    def turn(self, session: "DatagramSession | None" = None) -> None:
        if session is not None:
            self._note_command(session)
        super().turn(session)

    def _note_command(self, session: "DatagramSession") -> None:
        if self._pump.blocked:
            self._hub.wake(session)
        else:
            self._hub.ask(session)

    def _on_readable(self) -> bool:
        self._read()
        if self._failed or self._hub.pressing or self.blocked:
            self.turn_soon(None)
        elif not self._waiting:
            # Programs may answer, and take the acknowledgement along: no turn for that alone.
            self._waiting = True
            self._timer.at(earliest(self._hub.poll_timer(), self._now() + ACK_DELAY_MS))
        return self._failed

    def _move(self) -> None:
        self._waiting = self._hub.pressing = False
        self._hub.allowance = self.WRITES
        self._pump.turn(self._now())
        if self._hub.busy and not self.blocked:
            self.turn_soon(None)

    def _handle_timer(self, now: int) -> None:
        if self.blocked:
            self._hub.time_waiting(now)
        super()._handle_timer(now)

    def _deadline(self) -> "Deadline":
        return self._now() + _BLOCKED_MS if self.blocked else self._hub.poll_timer()

    def _fail(self, error: Exception) -> None:
        super()._fail(error)
        if self.endpoint.at_work is not None:
            self._hub.wake(self.endpoint.at_work)

    def _release_finished(self) -> None:
        while self._gone:
            connection = self.connections.pop(self._gone.pop(), None)
            if connection is not None:
                connection.release()
