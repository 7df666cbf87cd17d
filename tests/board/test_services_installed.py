"""Services between a host and a board, whose slices are as an installation leaves them: linked,
with short names."""

import asyncio
import os

import pytest

from board.conftest import put
from dsoftbus_host import ANYONE, BareBus
from nodes import KEY
from portable import TIMEOUT_S, micropython

PROGRAM = """
import asyncio
from dsoftbus_mpy import Bus, BusError

async def main():
    async with Bus("attic", listen=False, allow=()) as bus:
        bus.call("led/set", about="the lamp", shape="bool")(lambda _session, on: not on)
        bus.topic("heat", about="in the hall", unit="C", shape="float")
        bus.publish("heat", 21.5)
        session = await bus.connect("127.0.0.1", {port}, {key})
        async for peer in bus.presence():
            print(peer.name, peer.online, peer.why, peer.lost)
            break
        for offer in await session.offers():
            print(offer.kind, offer.name, (offer.about, offer.unit, offer.shape))
        clock = await session.time()
        print(abs(clock.offset_us) <= clock.delay_us)
        try:
            await bus.step_clock(clock.offset_us)
        except BusError as error:
            print(error)
        async with session.subscribe("go") as updates:
            async for update in updates:
                print(update.topic, update.value, update.lost)
                if update.value:
                    break
                await session.call("same", "seen")

asyncio.run(main())
"""
HERE = '{"name": "board", "serial": "", "port": 1, "discovery": false}'
SAID = """hub True None 0
call same ('', '', 'the same')
event door ('', '', '')
state go ('', '', '')
True
local.unsupported: clock: this port's module machine has no RTC
go False 0
go True 0
"""


@pytest.fixture
def flash(tmp_path):
    """The file system of a board with a node and every service."""
    put("unix", tmp_path)
    (tmp_path / "config.json").write_text(HERE)
    return tmp_path


def test_both_sides_use_what_the_other_offers(flash):
    async def story():
        seen = asyncio.Event()
        async with BareBus(KEY, "hub", allow=ANYONE) as hub:

            @hub.call("same", shape="the same")
            def same(_connection, value):
                if value == "seen":  # which the board says once it knows of False
                    seen.set()
                return value

            hub.topic("door", event=True)
            hub.publish("go", False)
            port = await hub.listen("127.0.0.1")
            (flash / "main.py").write_text(PROGRAM.format(port=port, key=hub.public))
            process = await asyncio.create_subprocess_exec(
                *(*micropython(), "-X", "heapsize=2M", "main.py"),
                cwd=flash,
                env={**os.environ, "MICROPYPATH": ".:lib:.frozen"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            board = await hub.accept()
            offers = {offer.name: offer for offer in await board.offers()}
            assert sorted(offers) == ["heat", "led/set"]
            assert (offers["led/set"].about, offers["led/set"].shape) == ("the lamp", "bool")
            assert (offers["heat"].kind, offers["heat"].unit) == ("state", "C")
            assert await board.call("led/set", False) is True
            sample = await board.time()
            assert abs(sample.offset_us) <= sample.delay_us  # one machine has one clock
            async with board.subscribe("heat") as updates:
                update = await updates.__anext__()
                assert (update.value, update.lost) == (21.5, 0)
            await seen.wait()
            hub.publish("go", True)
            said, _ = await process.communicate()
            assert (process.returncode, said.decode()) == (0, SAID)

    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))
