"""Updates of this board, as long as nobody makes one (docs/updates.md): what answers loads the
rest, and lets go of it afterwards."""

from dsoftbus.const import UPDATE_STREAM
from dsoftbus_aio.services.own_calls import UPDATE

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.services.updates import Updating
    from dsoftbus_aio.stream import BusStream

_LOOK_MS = 60000
_WORDS = ("state", "begin", "commit", "confirm", "rollback")


class UpdateGate:
    """The service `update` of a bus. `place` is the board, None for that of the port."""

    def __init__(self, bus: "BaseBus", place: "Any") -> None:
        self._bus = bus
        self._place = place
        self._updating: Updating | None = None  # while there is one
        self._timer = bus.runtime.timer(self._look)
        bus.handlers[UPDATE_STREAM] = self._receive
        bus.begun[UPDATE] = self

    def handler(self, name: str) -> "Any":
        """The handler of the call of this name, or None."""
        word = name.rsplit("/", 1)[-1]
        if word not in _WORDS or name.count("/") != 2:
            return None
        return lambda connection, value: self._loaded().answer(word, connection, value)

    def close(self) -> None:
        """The bus ends."""
        self._timer.close()

    async def _receive(self, connection: "Connection", stream: "BusStream") -> None:
        await self._loaded().receive(connection, stream)

    def _loaded(self) -> "Updating":
        if self._updating is None:
            from dsoftbus_aio.services.updates import Updating  # for a while

            place = self._bus.update_place() if self._place is None else self._place
            self._updating = Updating(self._bus, place)
            self._timer.at(self._bus.now() + _LOOK_MS)
        return self._updating

    def _look(self) -> None:
        """Lets go of it, once nobody has the updater's place."""
        if self._updating is not None and self._updating.in_use():
            self._timer.at(self._bus.now() + _LOOK_MS)
        else:
            self._updating = None
