"""Time of peers for programs. Nodes that neither ask nor are asked do not load this."""

from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, BusError, LocalError, PeerError
from dsoftbus.service import clock
from dsoftbus.service.call_messages import TIME

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.service.clock import ClockSample
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection


async def time(connection: "Connection", samples: int, timeout_ms: int) -> "ClockSample":
    """See `Connection.time`."""
    best: ClockSample | None = None
    failure: BusError = LocalError(BAD_ARGUMENT, "samples of 1 or more")
    for _ in range(samples):
        try:
            sample = await _ask(connection, timeout_ms)
        except PeerError as error:
            if error.code != MALFORMED:
                raise
            failure = error  # this one is passed over
            continue
        if best is None or sample.delay_us < best.delay_us:
            best = sample
    if best is None:
        raise failure
    return best


async def _ask(connection: "Connection", timeout_ms: int) -> "ClockSample":
    wall = connection.runtime.wall_clock()
    asked_us = wall.now_us()
    value = await connection.call(TIME, None, timeout_ms)
    return clock.sample_of(asked_us, value, wall.now_us())


def answer(connection: "Connection", _value: "Any") -> "Any":
    """The handler of the call `dsoftbus/time`."""
    wall = connection.runtime.wall_clock()
    return clock.answer(wall.now_us(), wall.now_us())


async def step(bus: "BaseBus", offset_us: int, most_us: int) -> None:
    """See `BaseBus.step_clock`."""
    wall = bus.runtime.wall_clock()
    clock.check_step(wall.now_us(), offset_us, most_us)
    await wall.step(offset_us)
