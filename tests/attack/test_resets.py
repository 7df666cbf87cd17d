"""A program survives whatever the other side does when it dials, and a keeper comes back."""

import asyncio
import contextlib

from attack import resets
from dsoftbus_host import files
from dsoftbus_host.bare_bus import ANYONE, BareBus
from support import Random

PEER = Random(400)(32)
PUBLIC = BareBus(PEER).public.hex()
DIALS = 40
ATTEMPTS = 3  # of each keeper, before its peer is there
LIMIT_S = 60


def told(report: dict, beginning: str) -> list:
    return [event for event in report["events"] if event.startswith(beginning)]


def test_a_peer_that_resets_is_an_error_of_the_bus(victim_of):
    victim = victim_of(link="tcp")
    for i, answer in enumerate(resets.ANSWERS):
        with resets.Resetting(answer) as server:
            victim.ask("dial", ["127.0.0.1", server.port, PUBLIC, DIALS])
            report = victim.wait_for(lambda report, i=i: len(told(report, "dialled")) > i)
        assert told(report, "dialled")[i] == f"dialled {{'failed': {DIALS}}}", answer.__name__


async def come(victim, ports: list) -> None:
    """The peers are there at last; the streams of their keepers are served."""
    async with BareBus(PEER, "peer", allow=ANYONE) as bus:
        files.serve_echo(bus)
        for port in ports:
            await bus.listen("127.0.0.1", port)
        while not all(told(victim.report(), f"{port} kept") for port in ports):
            await asyncio.sleep(0.05)


def test_a_keeper_survives_a_peer_that_resets(victim_of):
    victim = victim_of(link="tcp")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(resets.Resetting(answer)) for answer in resets.ANSWERS]
        for server in servers:
            victim.ask("keep", ["127.0.0.1", server.port, PUBLIC])
        victim.wait_for(lambda _: all(server.met >= ATTEMPTS for server in servers))
        assert not told(victim.report(), "died")
    asyncio.run(asyncio.wait_for(come(victim, [server.port for server in servers]), LIMIT_S))
