"""Updates of this board: what is kept of one from one call or file to the next (docs/updates.md).

Code that answers a call or takes a file is loaded for it, and leaves a board's heap afterwards.
"""

from dsoftbus.const import UPDATE_STREAM
from dsoftbus.errors import UPDATE_BUSY, LocalError
from dsoftbus_aio.services.own_calls import UPDATE

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.stream import BusStream

_LOOK_MS = 60000
_TURN_MS = 1  # in which others have theirs
_WORDS = ("state", "begin", "commit", "confirm", "rollback")


class UpdateGate:
    """The service `update` of a bus. `place` is the board, None for that of the port. One piece of
    work at a time changes what is on the flash."""

    def __init__(self, bus: "BaseBus", place: "Any") -> None:
        self.bus = bus
        self.updater: Any = None  # of the board, while it is in use
        self.stream: BusStream | None = None  # that a file comes over
        self.working = False
        self.over = bus.runtime.signal()  # some work is
        self._place = place
        self._timer = bus.runtime.timer(self._look)
        bus.handlers[UPDATE_STREAM] = self._receive
        bus.begun[UPDATE] = self

    def handler(self, name: str) -> "Any":
        """The handler of the call of this name, or None."""
        word = name.rsplit("/", 1)[-1]
        if word not in _WORDS or name.count("/") != 2:
            return None
        return lambda connection, value: self._answer(word, connection, value)

    def now(self) -> int:
        """The clock of the bus, in ms."""
        return self.bus.now()

    def close(self) -> None:
        """The bus ends."""
        self._timer.close()

    async def _answer(self, word: str, connection: "Connection", value: "Any") -> "Any":
        self.bus.time_node()  # boards let go of code then: of what takes files, now
        await self.bus.runtime.sleep(_TURN_MS)
        from dsoftbus_aio.services.update_answers import answer  # for a while

        self._load()
        try:
            return await answer(self, word, connection, value)
        finally:
            self.bus.time_node()

    async def _receive(self, connection: "Connection", stream: "BusStream") -> None:
        from dsoftbus_aio.services.update_receiving import receive  # for a while

        self._load()
        is_manifest = not self.updater.ready
        await receive(self, connection, stream)
        if is_manifest:
            self.bus.time_node()  # what reads it goes; what takes files is for the next one, too

    # The board, while it is in use

    def _load(self) -> None:
        if self.updater is None:
            from dsoftbus.update.updater import Updater  # for a while

            place = self.bus.update_place() if self._place is None else self._place
            self.updater = Updater(place)
            self._timer.at(self.now() + _LOOK_MS)

    def _look(self) -> None:
        """Lets go of it, once nobody has the updater's place."""
        if self.in_use():
            self._timer.at(self.now() + _LOOK_MS)
        else:
            self.updater = None
            self.bus.time_node()

    def in_use(self) -> bool:
        """Returns whether somebody has the updater's place, or works on the flash."""
        updater = self.updater
        if updater is None:
            return False
        session = updater.session
        if session is not None and (session.closed or self.now() >= updater.silent_at):
            updater.release()
        return self.working or updater.session is not None

    # What it is used for

    def work(self) -> None:
        """Begins a piece of work. Raises LocalError(UPDATE_BUSY) while there is another."""
        if self.working:
            raise LocalError(UPDATE_BUSY, "one thing after the other")
        self.working = True

    def rest(self) -> None:
        """It is over."""
        self.working = False
        self.stream = None
        self.over.set()

    def heard(self, _done: int) -> None:
        """Bytes have come: the updater is there."""
        self.updater.heard(self.now())
