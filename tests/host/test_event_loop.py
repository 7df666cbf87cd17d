"""A loop that cannot watch sockets (Windows' usual one) is refused in words; `run` avoids it."""

import ast
import asyncio
import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from dsoftbus.const import KEY_BYTES
from dsoftbus.errors import Unsupported
from dsoftbus_host import event_loop
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.bridge.bridge import Bridge
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.discovery.multicast import Multicast
from portable import ROOT, TIMEOUT_S

KEY = bytes(range(KEY_BYTES))


class Proactor(asyncio.SelectorEventLoop):
    """A loop that leaves out what ProactorEventLoop leaves out."""

    add_reader = asyncio.AbstractEventLoop.add_reader
    remove_reader = asyncio.AbstractEventLoop.remove_reader
    add_writer = asyncio.AbstractEventLoop.add_writer
    remove_writer = asyncio.AbstractEventLoop.remove_writer


class Marked(asyncio.SelectorEventLoop):
    """A selector loop that can be told from others."""


def on_proactor(coroutine) -> None:
    loop = Proactor()
    try:
        loop.run_until_complete(coroutine)
    finally:
        loop.close()


async def listen_tcp(bus):
    await bus.listen("127.0.0.1", 0)


async def listen_udp(bus):
    await bus.listen("127.0.0.1", 0, link="udp")


async def connect(bus):
    await bus.connect("127.0.0.1", 9, KEY)


async def open_serial(bus):
    bus.open_serial("/dev/null")


async def hear_announcements(_bus):
    Multicast([LOOPBACK], 0, print, print)


async def bridge(_bus):
    Bridge("/dev/null", interfaces=[LOOPBACK])


@pytest.mark.parametrize(
    "begin", [listen_tcp, listen_udp, connect, open_serial, hear_announcements, bridge]
)
def test_every_link_refuses_a_loop_that_cannot_watch_sockets(begin):
    async def main():
        async with BareBus(KEY) as bus:
            with pytest.raises(Unsupported, match=r"^local.unsupported: .*SelectorEventLoop"):
                await begin(bus)

    on_proactor(main())


async def kind_of_loop() -> type:
    return type(asyncio.get_running_loop())


@pytest.mark.parametrize(("platform", "kind"), [("win32", Marked), ("linux", None)])
def test_run_takes_a_selector_loop_on_windows(monkeypatch, platform, kind):
    usual = asyncio.run(kind_of_loop())
    system = SimpleNamespace(platform=platform, version_info=sys.version_info)
    monkeypatch.setattr(event_loop, "sys", system)
    monkeypatch.setattr(asyncio, "SelectorEventLoop", Marked)
    assert event_loop.run(kind_of_loop()) is (kind or usual)
    monkeypatch.undo()
    assert asyncio.run(kind_of_loop()) is usual  # what it did is over


def test_a_bus_works_on_the_loop_that_run_takes():
    async def main() -> bytes:
        async with BareBus(KEY) as bus, BareBus(KEY[::-1], allow=[bus.public]) as other:
            port = await other.listen()
            async with await bus.connect("127.0.0.1", port, other.public) as session:
                return session.peer_id

    assert event_loop.run_on_selector(main()) == BareBus(KEY[::-1]).id


def test_the_host_starts_its_loops_in_one_place():
    for file in (ROOT / "host").rglob("*.py"):
        if file.name != "event_loop.py":
            calls = (n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call))
            assert "asyncio.run" not in {ast.unparse(call.func) for call in calls}, file


def test_a_loop_in_the_background_gives_results_and_errors():
    with event_loop.Background() as loop:
        assert loop.run(asyncio.sleep(0, "result")) == "result"

        async def fails():
            raise ValueError("its own")

        with pytest.raises(ValueError, match="its own"):
            loop.run(fails())


@pytest.mark.parametrize("yields", range(20))
def test_a_wait_that_is_interrupted_cancels_what_it_waits_for(yields):
    ended = []

    async def waits(begun):
        begun.set()
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append(True)

    def interrupt(begun):
        begun.wait(TIMEOUT_S)
        for _ in range(yields):  # the waiting thread gets further, or not
            time.sleep(0)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    begun = threading.Event()
    threading.Thread(target=interrupt, args=(begun,)).start()
    with event_loop.Background() as loop, pytest.raises(KeyboardInterrupt):
        loop.run(waits(begun))
    assert ended == [True]
