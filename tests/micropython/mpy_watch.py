"""Events of a node apart from its streams are told, whatever a program makes of them."""

import asyncio

from dsoftbus.const import EV_ONLINE, SMALL
from dsoftbus.mux.events import NodeEvent
from support import Random, Skip

try:
    import socket  # noqa: F401 - a bus has links
except ImportError:
    raise Skip("this port has no sockets")

import virtual_time
from dsoftbus_aio.housekeeping import Housekeeping
from dsoftbus_mpy.bare_bus import BareBus

LIMIT_MS = 60000


async def told(names, on_event) -> list:
    """Returns the errors that `on_error` hears while these events are told to `on_event`."""
    errors = []
    bus = BareBus(Random(1)(32), "node", SMALL)
    bus.on_error = errors.append
    events = [NodeEvent(EV_ONLINE, name, "", 0, None) for name in names]
    bus.node.next_event = lambda: events.pop(0) if events else None
    watch = Housekeeping(bus, on_event)
    watch.start()
    while events:
        await asyncio.sleep_ms(10)
    watch.wake()
    await asyncio.sleep_ms(500)
    watch.stop()
    await bus.close()
    return errors


def test_a_node_without_a_trust_store_has_nothing_to_complain_of():
    seen = []
    errors = virtual_time.run(told("abc", lambda event: seen.append(event.peer)), LIMIT_MS)
    assert (seen, errors) == (["a", "b", "c"], [])


def test_events_go_on_after_a_program_that_raises():
    seen = []

    def on_event(event):
        seen.append(event.peer)
        raise ValueError(event.peer)

    errors = virtual_time.run(told("abc", on_event), LIMIT_MS)
    assert seen == [str(error) for error in errors] == ["a", "b", "c"]
