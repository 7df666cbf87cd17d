"""Housekeeping tells the program of events of the node that belong to no stream.

It keeps the trust store in its file, follows a planned change of the node's key, and gives
sessions their turn after a command.
"""

from dsoftbus.const import EV_KEY_DUE

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any
    from dsoftbus.mux.events import NodeEvent
    from dsoftbus_aio.bus import BaseBus


class Housekeeping:
    """`on_event(event)` gets each NodeEvent of `bus`. Both are there while they are needed:

    - `file` holds its guard's store: `save()` raises OSError where it cannot;
    - `change` follows a plan for the node's key: `look(now, last)` goes on with it, and `switch()`
      does it, before the program hears EV_KEY_DUE. The program then starts a new bus.
    """

    def __init__(
        self,
        bus: "BaseBus",
        on_event: "Callable[[NodeEvent], object]",
        file: "Any" = None,
        change: "Any" = None,
    ) -> None:
        self._bus = bus
        self._on_event = on_event
        self._file = file
        self._change = change
        self._timer = bus.runtime.timer(self.look)

    def start(self) -> None:
        """Looks after the bus from now on."""
        guard = self._bus.node.guard
        if guard is not None:
            guard.wake = self.wake
            guard.unsaved = []  # peers hear that something was taken once it is in the file
        self.wake()

    def stop(self) -> None:
        """Ends it; what the store owes its file is written for the last time."""
        self._timer.close()
        now = self._bus.now()
        if self._change is not None:
            self._change.look(now, True)
        guard = self._bus.node.guard
        if guard is not None and guard.store.promises():
            from dsoftbus.trust.promise import end

            end(guard.store, now)
        self.look()

    # Ours

    def wake(self) -> None:
        """Something may have happened: look soon."""
        self._timer.at(0)

    def look(self) -> None:
        """A fault in one part keeps no other from its turn."""
        for part in (self._turn, self._follow_change, self._keep, self._tell, self._turn):
            try:
                part()
            except MemoryError:
                raise  # all of it is done again
            except Exception as error:  # noqa: BLE001 - a fault of ours
                self._bus.report(error, None)
        self._bus.time_node()

    def _turn(self) -> None:
        guard = self._bus.node.guard
        session = guard.pending_session() if guard is not None else None
        while session is not None:
            self._bus.turn(session)
            session = guard.pending_session()

    def _follow_change(self) -> None:
        if self._change is not None:
            self._change.look(self._bus.now(), False)

    def _keep(self) -> None:
        """The peers whose next keys are in the file now hear of it."""
        guard = self._bus.node.guard
        if self._save() and guard is not None and guard.unsaved:
            from dsoftbus.trust.promise import saved  # is there: it made them wait

            for session in saved(guard):
                self._bus.turn(session)

    def _save(self) -> bool:
        """Saves the store; returns whether its file is up to date."""
        try:
            if self._file is not None:
                self._file.save()
        except OSError as error:
            self._bus.tell(error)  # the next turn tries again
            return False
        return True

    def _tell(self) -> None:
        event = self._bus.node.next_event()
        while event is not None:
            if event.kind == EV_KEY_DUE and self._change is not None:
                self._change.switch()
            try:
                self._on_event(event)
            except Exception as error:  # noqa: BLE001 - the program's own, and for its on_error
                self._bus.tell(error)
            event = self._bus.node.next_event()
