"""What happens to a node apart from its sessions' streams, told to the program.

Keeps the trust store in its file, and gives sessions their turn after a command.
"""

import asyncio


class Watch:
    """`on_event(event)` gets each NodeEvent of `bus`; `file` holds its guard's store."""

    def __init__(self, bus, on_event, file=None):
        self._bus = bus
        self._on_event = on_event
        self._file = file
        self._stirred = asyncio.Event()
        if bus.node.guard is not None:
            bus.node.guard.wake = self.stir
        self._task = bus.spawn(self._run())

    def stir(self) -> None:
        """Something may have happened: look soon."""
        self._stirred.set()

    def stop(self) -> None:
        self._task.cancel()
        self._look()

    async def _run(self) -> None:
        while True:
            self._stirred.clear()  # before the look: what stirs meanwhile is looked at next
            self._look()
            await self._stirred.wait()

    def _look(self) -> None:
        self._turn()
        self._save()
        event = self._bus.node.next_event()
        while event is not None:
            self._on_event(event)
            event = self._bus.node.next_event()
        self._turn()

    def _turn(self) -> None:
        guard = self._bus.node.guard
        session = guard.restless() if guard is not None else None
        while session is not None:
            self._bus.turn(session)
            session = guard.restless()

    def _save(self) -> None:
        if self._file is None:
            return
        try:
            self._file.save()
        except OSError as error:
            self._bus.on_error(error)  # the next turn tries again
