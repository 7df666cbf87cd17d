"""A new network has discovery join its group again, and keepers wait no longer."""

import asyncio

from support import Random, Skip

try:
    import socket  # noqa: F401 - everything here needs them
except ImportError:
    raise Skip("this port has no sockets")

from dsoftbus.const import DISCOVERY_GROUP, SMALL
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import TrustStore
from dsoftbus_aio.housekeeping import Housekeeping
from dsoftbus_aio.reconnecting_session import ReconnectingSession
from dsoftbus_mpy import discovery
from dsoftbus_mpy.bare_bus import ANYONE, BareBus
from dsoftbus_mpy.discovery import Discovery

LIMIT_MS = 60000  # ends what hangs; nothing is held to a time
LOOPBACK = "127.0.0.1"
MEMBERSHIP = bytes([int(part) for part in (DISCOVERY_GROUP + "." + LOOPBACK).split(".")])


def run(coroutine) -> None:
    asyncio.run(asyncio.wait_for_ms(coroutine, LIMIT_MS))
    asyncio.new_event_loop()


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep_ms(5)


def test_discovery_joins_its_group_again_and_is_seen_at_once():
    options = []

    def tried(sock, option, value):
        options.append((option, bytes(value)))

    async def scenario() -> None:
        random = Random(1)
        guard = Guard(TrustStore(SMALL), random)
        bus = BareBus(random(32), "board", SMALL, guard=guard)
        watch = Housekeeping(bus, lambda event: None)
        watch.start()
        found = Discovery(bus, watch, 37021, 1, (), LOOPBACK, "127.255.255.255", free_port())
        joined = options[0]
        assert joined == (discovery._IP_ADD_MEMBERSHIP, MEMBERSHIP)
        found._announcer._due = bus.now() + 1000 * LIMIT_MS  # nothing to say for long
        sequence = found.said.sequence
        options.clear()
        found.rejoin()
        assert options == [(discovery._IP_ADD_MEMBERSHIP + 1, MEMBERSHIP), joined]
        await until(lambda: found.said.sequence > sequence)
        found.stop()
        watch.stop()
        await bus.close()

    ours = discovery._try_option
    discovery._try_option = tried
    try:
        run(scenario())
    finally:
        discovery._try_option = ours


def free_port() -> int:
    from dsoftbus_mpy.links import sockets

    port, sock = sockets.bind(LOOPBACK, 0, False)
    sock.close()
    return port


def test_a_keeper_that_waits_for_its_turn_tries_at_once():
    async def scenario() -> None:
        bus = BareBus(Random(2)(32), "board", allow=ANYONE)
        attempts = []

        async def dial():
            attempts.append(bus.now())
            raise OSError(101)

        async with ReconnectingSession(bus, dial) as keeper:
            await until(lambda: attempts)
            for _ in range(8):  # as after an hour without a network
                keeper._policy.failed(bus.now())
            assert keeper._policy.due - bus.now() > 50_000
            await asyncio.sleep_ms(5)
            keeper.hurry()
            await until(lambda: len(attempts) > 1)
        assert attempts[1] - attempts[0] < 50_000
        await bus.close()

    run(scenario())
