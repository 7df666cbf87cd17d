"""The board in CI in trouble: its Wi-Fi comes and goes, its program hangs; the cable serves on."""

import asyncio
import contextlib
import json
import os
import shutil
import threading
import time

from board.supervisor import Supervisor
from dsoftbus.const import HOST
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import provision, remote
from portable import TESTS

LIMIT_S = 60  # ends what hangs; nothing is held to a time
BITES_S = 4  # later than a board's would, for a machine that has other things to do, too

# As a board's module `network`, over a driver that tests/micropython has, too.
NETWORK = """
import time
from wlan import ESP32, Air, Wlan

STA_IF = 0
air = Air()


class Clocked(Wlan):
    def _called(self, name):
        self._air.now = time.ticks_ms()
        super()._called(name)


station = Clocked(air, ESP32)


def WLAN(interface):
    return station
"""
APP = """
import time

import network


async def change(session, stream):
    '''Lines from the host: what becomes of the network.'''
    for line in (await stream.read()).decode().split(";"):
        name, value = line.split("=")
        setattr(network.air, name, value)
    network.station._joining = None  # thrown out


async def hang(session, stream):
    while True:
        time.sleep(1)


async def main(bus):
    bus.on_stream("air", change)
    bus.on_stream("hang", hang)
"""
# As a board's module `machine`: the hardware is the test's, which sees the file change.
MACHINE = """
class WDT:
    def __init__(self, timeout):
        self._count = 0

    def feed(self):
        self._count += 1
        with open("fed", "w") as file:
            file.write(str(self._count))


class Timer:  # it runs as long as nothing resets the board: the hardware of the test sees to that
    PERIODIC = 2

    def __init__(self, number):
        assert number == -1

    def init(self, period, mode, callback):
        assert (period, mode) == (250, self.PERIODIC)
        callback(self)
        with open("fed", "w") as file:
            file.write("by a timer")
"""


class Hardware:
    """Resets the board when it has not been fed for BITES_S; from the first feeding on.

    A timer goes on feeding until the board starts anew.
    """

    def __init__(self, board: Supervisor) -> None:
        self._board = board
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        fed, since, starts = "", time.monotonic(), 0
        while not self._ended.wait(0.05):
            by_timer = fed == "by a timer" and starts == self._board.starts
            if self._fed() != fed or by_timer:
                fed, since, starts = self._fed(), time.monotonic(), self._board.starts
            elif fed and time.monotonic() - since > BITES_S:
                (self._board.folder / "fed").unlink()
                fed = ""
                self._board.reset()

    def _fed(self) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self._board.folder / "fed").read_text()
        return ""


def configured(flash, **settings) -> None:
    config = json.loads((flash / "config.json").read_text())
    (flash / "config.json").write_text(json.dumps(config | settings))
    (flash / "app.py").write_text(APP)
    (flash / "lib/network.py").write_text(NETWORK)
    shutil.copy(TESTS / "micropython/wlan.py", flash / "lib")


def started(board: Supervisor, secret: bytes) -> bytes:
    """The board's public key, once its node runs and knows us."""
    with remote.connected(board.port) as there:
        public = provision.provision(there, BareBus(secret).public, "laptop").public
        there.start()
    return public


async def echo(stream, data: bytes) -> None:
    await stream.write(data)
    assert await stream.readexactly(len(data)) == data


async def tell(connection, text: str) -> None:
    async with await connection.open("air") as stream:
        await stream.write(text.encode())


async def through_trouble(board: Supervisor, secret: bytes, public: bytes) -> None:
    """One session over the cable, from before the network comes until after it has come back."""
    heard = bytearray()  # frames, and between them what the board prints
    board.to_host = lambda data: heard.extend(data) or data
    async with BareBus(secret) as bus:
        connection = await bus.open_serial(board.port).connect(public)
        stream = await connection.open("echo")
        for change, said in (
            ("address=192.168.1.6", b"network 192.168.1.6"),
            ("name=away", b"no network: hall: not found (status 201)"),
            ("name=hall;password=other", b"no network: hall: wrong password (status 202)"),
            ("password=secret99;address=192.168.1.8", b"network 192.168.1.8"),
        ):
            await tell(connection, change)
            while said not in heard:
                await echo(stream, os.urandom(300))
                await asyncio.sleep(0.05)
        assert connection.cause is None
        await connection.close()


def test_a_session_over_the_cable_outlives_all_that_befalls_the_wifi(flash):
    configured(flash, wifi=["hall", "secret99"], port=0)
    secret = os.urandom(32)
    with Supervisor(flash, heap="1M") as board:
        public = started(board, secret)
        starts = board.starts
        trouble = through_trouble(board, secret, public)
        asyncio.run(asyncio.wait_for(trouble, LIMIT_S))
        assert board.starts == starts


class Hasty(HOST):
    """Does not wait long for a node that is gone."""

    keepalive_ms = 500


async def hang_and_come_back(board: Supervisor, secret: bytes, public: bytes) -> None:
    async with BareBus(secret, profile=Hasty) as bus:
        port = bus.open_serial(board.port)
        connection = await port.connect(public)
        await echo(await connection.open("echo"), b"before")
        starts = board.starts
        await connection.open("hang")
        while board.starts == starts:
            await asyncio.sleep(0.05)
        await asyncio.get_running_loop().run_in_executor(None, board.wait_for, b"dsoftbus ")
        connection = await port.connect(public)
        await echo(await connection.open("echo"), b"after")
        await connection.close()


def test_a_board_that_hangs_is_reset_by_its_watchdog_and_comes_back(flash):
    configured(flash, watchdog_ms=1000, port=0)
    (flash / "lib/machine.py").write_text(MACHINE)
    secret = os.urandom(32)
    with Supervisor(flash, heap="1M") as board:
        public = started(board, secret)
        with Hardware(board):
            story = hang_and_come_back(board, secret, public)
            asyncio.run(asyncio.wait_for(story, LIMIT_S))


def test_a_board_with_a_watchdog_can_be_worked_at_for_longer_than_its_timeout(flash):
    configured(flash, watchdog_ms=1000, port=0)
    (flash / "lib/machine.py").write_text(MACHINE)
    with Supervisor(flash, heap="1M") as board, Hardware(board):
        board.wait_for(b"line on the console")
        with remote.connected(board.port) as there:
            starts = board.starts
            there.run(f"import time\ntime.sleep({1.5 * BITES_S})")
            assert board.starts == starts
            there.start()
        starts = board.starts
        time.sleep(1.5 * BITES_S)  # the node feeds it again
        assert board.starts == starts
