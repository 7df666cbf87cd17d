"""What happens to a node apart from its sessions' streams, told to the program.

Keeps the trust store in its file, does a planned change of the node's key, and gives sessions
their turn after a command.
"""

import asyncio

from dsoftbus.const import EV_KEY_DUE


class Watch:
    """`on_event(event)` gets each NodeEvent of `bus`; `file` holds its guard's store.

    `key_path` is the node's key file: a change that was planned beside it (`nextkey`) goes on, and
    is done in the file before the program hears EV_KEY_DUE. The program then starts anew.
    """

    def __init__(self, bus, on_event, file=None, key_path=None):
        self._bus = bus
        self._on_event = on_event
        self._file = file
        self._stirred = asyncio.Event()
        if bus.node.guard is not None:
            bus.node.guard.wake = self.stir
            bus.node.guard.unsaved = []  # peers hear that it was taken once it is in the file
        self._change = None
        if key_path is not None:
            from dsoftbus_mpy.nextkey import KeyChange  # only who changes its key pays for it

            self._change = KeyChange(bus, key_path)
        self._task = bus.drive(self._run)

    def stir(self) -> None:
        """Something may have happened: look soon."""
        self._stirred.set()

    def follow_plan(self) -> None:
        """A change of key was planned, or taken back."""
        self._change.follow()

    def stop(self) -> None:
        self._task.cancel()
        if self._change is not None:
            self._change.note(True)
        guard = self._bus.node.guard
        if guard is not None and guard.store.promises():
            from dsoftbus.trust.promise import end

            end(guard.store, self._bus.now())
        self._look()

    async def _run(self) -> None:
        self._stirred.clear()  # before the look: what stirs meanwhile is looked at next
        self._look()
        await self._stirred.wait()

    def _look(self) -> None:
        self._turn()
        if self._change is not None:
            self._change.note()
        if self._save():
            self._answer()
        event = self._bus.node.next_event()
        while event is not None:
            if event.kind == EV_KEY_DUE and self._change is not None:
                self._change.switch()
            self._on_event(event)
            event = self._bus.node.next_event()
        self._turn()

    def _turn(self) -> None:
        guard = self._bus.node.guard
        session = guard.restless() if guard is not None else None
        while session is not None:
            self._bus.turn(session)
            session = guard.restless()

    def _save(self) -> bool:
        try:
            if self._file is not None:
                self._file.save()
        except OSError as error:
            self._bus.tell(error)  # the next turn tries again
            return False
        return True

    def _answer(self) -> None:
        """The peers whose next keys are in the file now."""
        guard = self._bus.node.guard
        if guard is not None and guard.unsaved:
            from dsoftbus.trust.promise import saved  # is there: it made them wait

            for session in saved(guard):
                self._bus.turn(session)
