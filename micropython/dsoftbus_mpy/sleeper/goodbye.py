"""The way to sleep: what is on its way arrives, peers hear until when, and the rest is kept."""

from dsoftbus.base.sleep_times import code_of
from dsoftbus.errors import BAD_STATE, LocalError

_ROUNDS = 2  # of pings: a peer that subscribes in each session has done so by then
_LOOK_MS = 5
_IDLE = 3  # looks: between two messages of a service nothing waits, for a moment


async def sleep(bus, sleeper, ms: int, wait_ms: int, end) -> int:
    """See `Bus.sleep`; `end()` is how that bus ends."""
    begun = bus.now()
    for connection in bus.connections():
        await _settled(connection, begun + wait_ms)
    _keep(bus, sleeper, ms, _topics(bus))
    try:
        for connection in bus.connections():  # nothing was awaited: what is kept is what was said
            connection.session.refuse(code_of(ms))
            connection.drive()
        await end()
    except BaseException:
        _keep(bus, sleeper, 0, [])  # this start goes on, and may publish more
        raise
    return max(ms - (bus.now() - begun), 1)


async def _settled(connection, deadline: int) -> None:
    """Until the peer has what was said, and has said what it wants."""
    runtime, session = connection.runtime, connection.session
    for _ in range(_ROUNDS):
        await connection.ping()
        while session.keepalive.waiting and not _over(connection, deadline):
            await runtime.sleep(_LOOK_MS)
    idle = 0
    while idle < _IDLE and not _over(connection, deadline):
        await runtime.sleep(_LOOK_MS)
        idle = idle + 1 if _idle(connection) else 0


def _over(connection, deadline: int) -> bool:
    return connection.session.closed or connection.runtime.now() >= deadline


def _idle(connection) -> bool:
    session = connection.session
    sent = session.mux.idle and (session.reliable is None or session.reliable.idle)
    return sent and not connection.serving


def _topics(bus) -> list:
    if bus.publishing is None:
        return []
    from dsoftbus_mpy.sleeper.topics import taken

    return taken(bus)


def _keep(bus, sleeper, ms: int, topics: list) -> None:
    """A place that fails is a matter for the program's log: the next start costs more."""
    kept = sleeper.kept
    kept.slept_ms, kept.topics = ms, topics
    if topics:
        kept.epoch = bus.publishing.topics.epoch
    try:
        sleeper.store()
    except (OSError, ValueError) as error:
        bus.tell(LocalError(BAD_STATE, "nothing was kept for the next start: " + repr(error)))
    kept.slept_ms, kept.topics = 0, []
