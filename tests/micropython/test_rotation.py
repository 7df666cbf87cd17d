"""A board changes its key, and a host follows it; the board starts anew in the middle."""

import asyncio

from dsoftbus.const import EV_KEY_MOVED, EV_ONLINE
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import key_file
from dsoftbus_host.bus import Bus
from dsoftbus_host.crypto import suite
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from nodes import Board, echoed
from portable import TIMEOUT_S

ALL = grant("allow both *")


def public_in(path) -> bytes:
    return suite().keypair(key_file.load_or_make(path)).public


def trust(path, public: bytes, name: str) -> None:
    file = StoreFile(path)
    file.store.add(Entry(public, name, [ALL]))
    file.save()


async def until(events, kind: int):
    while True:
        event = await asyncio.wait_for(events.get(), TIMEOUT_S)
        if event.kind == kind:
            return event


async def story(folder, port: int) -> None:
    own = folder / "host.key"
    old = public_in(folder / "one.key")
    trust(folder / "host.json", old, "one")
    trust(folder / "one.trust", public_in(own), "host")
    events = asyncio.Queue()
    host = Bus(
        "host",
        key=key_file.load(own),
        trust=StoreFile(folder / "host.json"),
        on_event=events.put_nowait,
        host=LOOPBACK.address,
        interfaces=[LOOPBACK],
        discovery_port=port,
    )
    async with host:
        async with Board(folder, "one", port) as board:
            board.say("rotate 6")
            new = (await board.until("rotating")).split()[1]
            board.say("rotate 6")
            await board.until("error local.bad_state")
            await until(events, EV_ONLINE)
            assert await echoed(await host.reach(device_id(old))) == b"hello"
            while not host.guard.store.get(device_id(old)).next_public:
                await asyncio.sleep(0.01)
        async with Board(folder, "one", port) as board:
            assert board.public == old
            assert await board.until("rotated") == f"rotated {new}"
            assert (await board.until("listening")).split()[3] == new
            await host.heard(new)
            assert await echoed(await host.reach(device_id(old))) == b"hello"
            moved = await until(events, EV_KEY_MOVED)
            assert (moved.name, moved.peer) == (device_id(old), new)
            assert [entry.id for entry in host.guard.store] == [new]


def test_a_host_follows_a_board_to_its_new_key(tmp_path):
    asyncio.run(asyncio.wait_for(story(tmp_path, free_port()), 3 * TIMEOUT_S))
