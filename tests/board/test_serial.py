"""A session with the board in CI over its console, through pyserial: clean, and with noise."""

import asyncio
import contextlib
import random

import pytest
import serial

import compiled_modules
from board.supervisor import Supervisor
from dsoftbus.errors import END_PEER, PEER_NOT_ALLOWED, PeerError
from dsoftbus_host.bare_bus import BareBus
from portable import TIMEOUT_S

SECRET = bytes(range(32))
MAIN = """
import asyncio

from dsoftbus_aio.echo import serve_echo
from dsoftbus_mpy.bare_bus import ANYONE, BareBus
from dsoftbus_mpy.console_port import ConsolePort


async def main():
    bus = BareBus(bytes(range(32)), "board", allow=ANYONE)
    serve_echo(bus)
    bus.open_serial(ConsolePort())
    print("ready")
    await asyncio.Event().wait()


asyncio.run(main())
"""


# The minimal node: no asyncio, no trust store, a list of keys.
HOST_SECRET = bytes(range(1, 33))
MINIMAL = f"""
from dsoftbus.const import EV_OPENED, EV_READABLE, EV_WRITABLE
from dsoftbus_mpy import node
from dsoftbus_mpy.console_port import ConsolePort
from dsoftbus_mpy.loop_serial import SerialLoop


def on_event(session, event):
    stream = event.stream
    if event.kind == EV_OPENED:
        stream.accept()
    elif event.kind in (EV_READABLE, EV_WRITABLE) and not stream.pending:
        held = stream.recv(stream.readable)
        if stream.send(held) < len(held):
            stream.reset()
        stream.want_writable()
        if stream.at_end and not stream.finishing:
            stream.finish()


board = node.minimal(bytes(range(32)), [{BareBus(HOST_SECRET).public!r}], "board")
loop = SerialLoop(board, ConsolePort(), on_event)
print("ready")
try:
    while True:
        loop.run_once(1000)
finally:
    loop.close()
"""


class Noise:
    """Spoils one byte in `every`, from the moment that `on` is set."""

    def __init__(self, seed: int, every: int) -> None:
        self._random = random.Random(seed)
        self._every = every
        self.on = False

    def __call__(self, data: bytes) -> bytes:
        spoilt = bytearray(data)
        for i in range(len(spoilt)):
            if self.on and not self._random.randrange(self._every):
                spoilt[i] ^= self._random.randrange(1, 256)
        return bytes(spoilt)


@contextlib.contextmanager
def board(folder, program: str):
    """A board that runs `program`, once it is ready."""
    (folder / "main.py").write_text(program)
    with Supervisor(folder, heap="1M", modules=compiled_modules.path()) as supervisor:
        supervisor.wait_for(b"ready")
        yield supervisor


async def echo(connection, data: bytes) -> bytes:
    async with await connection.open("echo") as stream:
        _, back = await asyncio.gather(stream.write(data), stream.readexactly(len(data)))
    return back


async def session(board, noise: Noise, size: int, secret: bytes) -> None:
    data = random.Random(size).randbytes(size)
    async with BareBus(secret) as bus:
        port = bus.open_serial(board.port)
        connection = await port.connect(BareBus(SECRET).public, 20000)
        noise.on = True
        assert await echo(connection, data) == data
        noise.on = False
        await connection.close()


@pytest.mark.parametrize(("every", "size"), [(10**9, 100_000), (100, 12_000)])
@pytest.mark.parametrize("program", [MAIN, MINIMAL], ids=["bus", "minimal"])
def test_bytes_both_ways_over_the_console(tmp_path, program, every, size):
    with board(tmp_path, program) as supervisor:
        supervisor.to_board = supervisor.to_host = noise = Noise(1, every)
        asyncio.run(asyncio.wait_for(session(supervisor, noise, size, HOST_SECRET), TIMEOUT_S))


async def cause_of_the_end(port: str) -> PeerError:
    async with BareBus(SECRET) as bus:
        connection = await bus.open_serial(port).connect(BareBus(SECRET).public, 20000)
        return await connection.ended()


def test_a_minimal_node_denies_who_is_not_in_its_list(tmp_path):
    with board(tmp_path, MINIMAL) as supervisor:
        cause = asyncio.run(asyncio.wait_for(cause_of_the_end(supervisor.port), TIMEOUT_S))
    assert (cause.code, cause.peer_code) == (END_PEER, PEER_NOT_ALLOWED)


def test_two_ctrl_c_interrupt_a_minimal_node_without_a_session(tmp_path):
    with board(tmp_path, MINIMAL) as supervisor, serial.Serial(supervisor.port) as port:
        port.write(b"\x03\x03")
        supervisor.wait_for(b"KeyboardInterrupt")
        supervisor.wait_for(b">>> ")
