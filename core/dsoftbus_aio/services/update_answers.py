"""The calls of an update of this board (docs/updates.md): its files are `update_receiving`.

Boards load this when a peer asks for it (`update_gate`), and let go of it afterwards.
"""

from dsoftbus.const import EV_RESET
from dsoftbus.errors import UPDATE_BUSY, BusError, LocalError
from dsoftbus.service.status import CallError
from dsoftbus.update.calls import begin, commit, confirm, rollback, state
from dsoftbus_aio.services.restart import restart
from dsoftbus_aio.services.update_work import code_of, turns

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.services.update_gate import UpdateGate


async def answer(gate: "UpdateGate", word: str, connection: "Connection", value: "Any") -> "Any":
    """The answer to the call `dsoftbus/update/WORD`. Raises CallError."""
    updater = gate.updater
    try:
        if word == "state":
            return state(updater.place)
        if word == "begin":
            await _make_way(gate, connection)
            return begin(updater, connection.session, value, gate.now())
        if word == "confirm":
            return confirm(updater.place, value)
        return await _restarted(gate, word, connection, value)
    except (BusError, OSError) as error:
        detail = error.detail if isinstance(error, BusError) else repr(error)
        raise CallError(code_of(error), detail) from None


async def _make_way(gate: "UpdateGate", connection: "Connection") -> None:
    """Ends what an updater does that has lost its place. Raises LocalError(UPDATE_BUSY)."""
    if gate.in_use() and gate.updater.session not in (None, connection.session):
        raise LocalError(UPDATE_BUSY, "another updater is at work")
    while gate.working:
        if gate.stream is None:  # what was to be tried is read back
            raise LocalError(UPDATE_BUSY, "its end is under way")
        gate.stream.reset(UPDATE_BUSY)  # of a session that is gone, or was silent
        gate.stream.notify(EV_RESET)  # its reader is a task of this side
        await gate.over.change()


async def _restarted(
    gate: "UpdateGate", word: str, connection: "Connection", value: "Any"
) -> None:
    """`commit` and `rollback`: the board starts again afterwards."""
    updater = gate.updater
    gate.work()
    try:
        if word == "commit":
            await turns(commit(updater, connection.session, gate.now()))
        else:
            await turns(rollback(updater.place, value))
    finally:
        gate.rest()
    gate.bus.spawn(restart(gate.bus, updater.place.reset))
