"""Ports that lack something: each module hidden in turn, from an interpreter of its own."""

import os
import subprocess

import pytest

import portable

HIDE = "raise ImportError(\"no module named '%s'\")\n"
BUS = """
import asyncio
from dsoftbus.errors import Unsupported
from dsoftbus_mpy import capabilities
from dsoftbus_mpy.bare_bus import BareBus

async def refused(awaitable):
    try:
        await awaitable
    except Unsupported as error:
        print(error)

async def main():
    bus = BareBus(bytes(31) + b"a", "board")
    key = BareBus(bytes(31) + b"b").public
    for link in ("tcp", "udp", "auto"):
        await refused(bus.listen("127.0.0.1", 37021, link))
        await refused(bus.listen("127.0.0.1", 0, link))
        await refused(bus.connect("127.0.0.1", 37021, key, link=link))
"""
SERIAL = """
    from dsoftbus_mpy.uart_port import UartPort
    import sys
    bus.open_serial(UartPort(sys.stdin))
    await asyncio.sleep_ms(0)
    print("alive", bus.alive(1000))
asyncio.run(main())
"""
LOOP = """
from dsoftbus.errors import Unsupported
from dsoftbus_mpy import node
from dsoftbus_mpy.loop import Loop
loop = Loop(node.make(bytes(31) + b"a"), None)
for link in ("tcp", "udp"):
    try:
        loop.listen("127.0.0.1", 0, link)
    except Unsupported as error:
        print(error)
"""
NEED = """
from dsoftbus.errors import Unsupported
from dsoftbus_mpy import capabilities
try:
    print(capabilities.%s)
except Unsupported as error:
    print(error)
"""


@pytest.fixture
def port(tmp_path):
    """`port(program, socket=None, ...)`: what the program prints on a port with these modules:
    a source in place of each, or None for a port that has no such module."""

    def run(program: str, heap: str = "8M", **modules) -> str:
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(HIDE % name if source is None else source)
        roots = (tmp_path, portable.ROOT / "core", portable.ROOT / "micropython")
        path = ":".join([*map(str, roots), ".frozen"])
        command = (*portable.micropython(), "-X", f"heapsize={heap}", "-c", program)
        done = subprocess.run(
            command,
            env={**os.environ, "MICROPYPATH": path},
            capture_output=True,
            text=True,
            timeout=portable.TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


NO_SOCKETS = "local.unsupported: sockets: this port has no module socket"


def test_a_port_without_sockets_has_a_bus_for_its_cable(port):
    lines = port(BUS + SERIAL, socket=None).splitlines()
    assert lines == [NO_SOCKETS] * 9 + ["alive True"]


def test_a_bare_loop_without_sockets_says_so(port):
    assert port(LOOP, socket=None).splitlines() == [NO_SOCKETS] * 2


@pytest.mark.parametrize(
    ("need", "modules", "said"),
    [
        ("sockets()", {"socket": None}, NO_SOCKETS),
        ("network()", {"network": None}, "Wi-Fi: this port has no module network"),
        ("network()", {"network": "LAN = 1"}, "Wi-Fi: this port's module network has no WLAN"),
        ("uart()", {"machine": None}, "UART: this port has no module machine"),
        ("uart()", {"machine": "Pin = 1"}, "UART: this port's module machine has no UART"),
        ("machine('WDT', 'watchdog')", {"machine": None}, "watchdog: this port has no module"),
        ("network().WLAN", {"network": "WLAN = 'is there'"}, "is there"),
        ("uart()", {"machine": "UART = 'is there'"}, "is there"),
    ],
)
def test_what_is_missing_is_named(port, need, modules, said):
    assert said in port(NEED % need, **modules)


FILL = """
import gc
from dsoftbus.errors import Unsupported
from dsoftbus_mpy import capabilities
ballast = []
said = []
while not said:
    try:
        capabilities.heap(%s)
        ballast.append(bytes(1000))
    except Unsupported as error:
        said.append(error.detail)
ballast = None
print(said[0])
capabilities.heap(True)
"""


@pytest.mark.parametrize(("datagrams", "need"), [(True, 12288), (False, 8192)])
def test_too_little_heap_is_refused_before_there_is_a_node(port, datagrams, need):
    said = port(FILL % datagrams, heap="200k")
    free = int(said.removeprefix("heap: ").split()[0])
    assert need - 2000 < free < need
    assert said == f"heap: {free} bytes are free, a node needs {need}\n"
