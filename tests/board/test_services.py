"""Calls and topics between a host and a MicroPython node, both ways.

They go over TCP and UDP, and over a serial line that spoils one byte in a hundred.
"""

import asyncio
import random
import subprocess

import compiled_modules
from board.supervisor import Supervisor
from board.test_serial import Noise
from dsoftbus_host.bare_bus import BareBus
from nodes import environment
from portable import ROOT, micropython

PROGRAM = ROOT / "tests" / "board" / "services_node.py"
PUBLIC = BareBus(b"b" * 32).public
MAIN = f"""
import sys

sys.path.insert(0, "{PROGRAM.parent}")
import services_node
services_node.begin("serial")
"""
EVENTS = 40
LIMIT_S = 60  # ends what hangs


async def of(updates, topic: str):
    """The value of the next update of this topic."""
    async for update in updates:
        if update.topic == topic:
            return update.value
    raise AssertionError(f"they ended without {topic}")


async def served(bus: BareBus, connection) -> None:
    """Each side does for the other all that there is."""
    updates = connection.subscribe("#")
    assert await of(updates, "temperature") == 21.5
    value = random.Random(1).randbytes(1000)
    assert await connection.call("triple", value, timeout_ms=1000 * LIMIT_S) == value * 3
    bus.call("double")(lambda _connection, value: value * 2)
    bus.publish("ask", value)
    assert await of(updates, "answered") == value * 2
    await heard(bus, updates)


async def heard(bus: BareBus, updates) -> None:
    """Events that the board says again: each came, or was counted."""
    bus.topic("door", event=True)
    got = lost = 0
    for i in range(EVENTS):
        bus.publish("door", i)
        if i % 4 == 3:
            topic, value, missed = await of(updates, "heard")
            got, lost = got + 1, lost + missed
            assert (topic, value) == ("door", got + lost - 1)
    while got + lost < EVENTS:
        _, value, missed = await of(updates, "heard")
        got, lost = got + 1, lost + missed
        assert value == got + lost - 1


async def over_network(port: int) -> None:
    for link in ("tcp", "udp"):
        async with BareBus(link[0].encode() * 32) as bus:
            await served(bus, await bus.connect("127.0.0.1", port, PUBLIC, link=link))


async def over_line(supervisor: Supervisor) -> None:
    async with BareBus(bytes(32)) as bus:
        connection = await bus.open_serial(supervisor.port).connect(PUBLIC, 20000)
        supervisor.to_board.on = True
        await served(bus, connection)
        supervisor.to_board.on = False
        await connection.close()


def test_calls_and_topics_both_ways_over_tcp_and_udp():
    command = [*micropython(), str(PROGRAM), "auto"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment(), stdout=pipe, text=True) as process:
        try:
            port = int(process.stdout.readline().split()[1])
            asyncio.run(asyncio.wait_for(over_network(port), LIMIT_S))
        finally:
            process.kill()


def test_calls_and_topics_both_ways_over_a_line_that_spoils_bytes(tmp_path):
    (tmp_path / "main.py").write_text(MAIN)
    with Supervisor(tmp_path, heap="1M", modules=compiled_modules.path()) as supervisor:
        supervisor.wait_for(b"ready")
        supervisor.to_board = supervisor.to_host = Noise(1, 100)
        asyncio.run(asyncio.wait_for(over_line(supervisor), LIMIT_S))
