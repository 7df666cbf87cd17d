"""The bus of a program that is the board's node itself has the board's key, trust and settings."""

import json
import os

from support import Skip

try:
    import socket  # noqa: F401 - a bus has links
except ImportError:
    raise Skip("this port has no sockets")

from flash import Flash, Littlefs, Mounted

import virtual_time
from dsoftbus.const import SMALL
from dsoftbus.errors import BAD_ARGUMENT, BAD_STATE, UNSUPPORTED, BusError
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_mpy import ANYONE, BareBus, Bus
from dsoftbus_mpy.links import sockets
from dsoftbus_mpy.trust_file import StoreFile
from support import Random, raises

HOST = "127.0.0.1"
LIMIT_MS = 60000
A, B = Random(1)(32), Random(2)(32)
PORT = 8000 + os.urandom(1)[0]  # below those that a system hands out by itself
PLACE = {"host": HOST, "broadcast": "127.255.255.255", "discovery": PORT, "serial": ""}


def on_flash(test) -> None:
    """Runs it in the empty folder of a board."""
    flash = Flash(512, 128)
    Littlefs.vfs.mkfs(flash)
    before = os.getcwd()
    with Mounted(Littlefs, flash):
        os.chdir("/flash")
        try:
            virtual_time.run(test(), LIMIT_MS)
        finally:
            os.chdir(before)


def configured(**settings) -> None:
    """Does as `dsoftbus board config` does, in this folder."""
    with open("config.json", "w") as file:
        json.dump(dict(PLACE, **settings), file)


def trust(*keys) -> None:
    """Does as `dsoftbus board token` does for these keys."""
    file = StoreFile("trust.json", SMALL)
    for key in keys:
        file.store.add(Entry(key, "friend", [grant("allow both *")]))
    file.save()


async def echoed(session) -> bytes:
    async with await session.open("echo") as stream:
        await stream.write(b"hello")
        await stream.finish()
        return await stream.read()


async def refused(code: int, awaitable) -> None:
    try:
        await awaitable
    except BusError as error:
        assert error.code == code, error
    else:
        raise AssertionError("nothing was raised")


async def is_let_in(key: bytes, bus) -> bool:
    async with BareBus(key) as peer:
        try:
            return await echoed(await peer.connect(HOST, bus.port, bus.public)) == b"hello"
        except BusError:
            return False


def test_it_is_the_node_that_its_files_say():
    async def test():
        configured(port=PORT + 1000, name="shed")
        trust(BareBus(A).public)
        async with Bus() as bus:
            assert (bus.node.local.name, bus.port) == ("shed", PORT + 1000)
            assert await is_let_in(A, bus) and not await is_let_in(B, bus)
            first = bus.public
        async with Bus("attic") as bus:
            assert (bus.node.local.name, bus.public) == ("attic", first)

    on_flash(test)


def test_without_files_it_listens_on_any_port_and_lets_nobody_in():
    async def test():
        configured(port=PORT + 1001, echo=True)
        async with Bus("attic", keepalive_ms=70) as bus:
            assert bus.node.profile.keepalive_ms == 70 and not await is_let_in(A, bus)
        async with Bus("attic", key=B, allow=ANYONE) as bus:
            assert bus.public == BareBus(B).public and await is_let_in(A, bus)
            raises(BAD_STATE, lambda: bus.guard)

    on_flash(test)


def test_both_links_have_one_port_that_is_free_for_both():
    async def test():
        taken, there = sockets.bind("127.0.0.1", 0, False)
        draws = [taken, taken, taken + 1 if taken < 65535 else taken - 1]
        drawn = sockets._random_port
        sockets._random_port = lambda: draws.pop(0)
        try:
            async with BareBus(A) as bus:
                await refused_by_system(bus.listen("127.0.0.1", taken, "auto"))
                again, sock = sockets.bind("127.0.0.1", taken, True)  # nothing of it is left
                sock.close()
                assert again == taken and await bus.listen("127.0.0.1", 0, "auto") != taken
        finally:
            sockets._random_port = drawn
            there.close()
        assert not draws

    virtual_time.run(test(), LIMIT_MS)


async def refused_by_system(listening) -> None:
    try:
        await listening
    except OSError:
        return
    raise AssertionError("it listens")


def test_two_of_them_find_each_other_by_name():
    async def test():
        configured(port=PORT + 1002)
        trust(BareBus(A).public, BareBus(B).public)
        async with Bus("attic", key=A) as attic, Bus("desk", key=B, listen=False) as desk:
            attic.on_stream("temperature", temperature)
            assert desk.port == 0
            async with await desk.peer(attic.id).open("temperature") as stream:
                assert await stream.read() == b"21.5"
            desk.node.guard.store.get(attic.id).name = "attic"
            assert await desk.peer("attic").connected() is desk.peer(attic.id).connection

    async def temperature(session, stream):
        await stream.write(b"21.5")

    on_flash(test)


def test_what_is_wrong_is_said():
    async def test():
        raises(BAD_ARGUMENT, Bus, A)
        with open("config.json", "w") as file:
            file.write('{"port": "many"}')
        raises(BAD_ARGUMENT, Bus)
        configured(port=PORT + 1003)
        async with Bus("attic") as bus:
            for link in ("tcp", "udp"):
                await refused(UNSUPPORTED, bus.connect("::1", 4, bus.public, link=link))
            await refused(UNSUPPORTED, bus.listen("::"))

    on_flash(test)
