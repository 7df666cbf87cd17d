"""Three nodes on loopback multicast, two of them MicroPython processes: they find each other,
pair, restart, come back without pairing, and one is unpaired and refused."""

import asyncio
import os

from dsoftbus.const import EV_PAIR_DIGITS, EV_PAIRED
from dsoftbus.errors import NOT_PAIRED, TRUST_REVOKED
from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.clock import now_ms
from dsoftbus_host.discovery.discovery import Discovery
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile
from dsoftbus_host.upkeep.file_watch import FileWatch
from free_ports import free_port
from hostile import is_harmless
from nodes import Board, echoed
from portable import TIMEOUT_S


class Host:
    """The third node, in this process."""

    def __init__(self, folder, key: bytes, discovery_port: int) -> None:
        self.file = StoreFile(folder / "host.json")
        self.guard = Guard(self.file.store, os.urandom, None, [grant("allow both *")])
        self.bus = BareBus(key, "host", guard=self.guard)
        self.events = asyncio.Queue()
        self.watch = FileWatch(self.bus, self.events.put_nowait, self.file)
        self._discovery_port = discovery_port

    async def __aenter__(self):
        port = await self.bus.listen()
        self.watch.start()
        interfaces, everyone = [LOOPBACK], self._discovery_port
        self.discovery = Discovery(self.bus, self.watch, port, (), interfaces, everyone)
        self.discovery.start()
        return self

    async def __aexit__(self, *_):
        self.discovery.stop()
        await self.bus.close()
        self.watch.stop()

    async def until(self, kind: int, device: str):
        while True:
            event = await asyncio.wait_for(self.events.get(), TIMEOUT_S)
            if (event.kind, event.peer) == (kind, device):
                return event

    async def knows(self, *boards: Board) -> None:
        peers = self.bus.node.peers
        while not all((peer := peers.get(board.id)) and peer.online for board in boards):
            await asyncio.sleep(0.01)

    async def connect(self, board):
        (route, *_) = self.bus.node.peers.get(board.id).routes()
        return await self.bus.connect(route[1], route[2], board.public)


async def pair_boards(one: Board, other: Board) -> None:
    """A person at each of the two compares the digits."""
    other.say("open")
    one.say(f"pair {other.id}")
    shown = (await one.until("digits")).split()
    assert shown == [*(await other.until("digits")).split()[:2], other.id, other.name]
    one.say(f"yes {shown[1]}")
    other.say(f"yes {shown[1]}")
    await one.until("paired", other.id, other.name)
    await other.until("paired", one.id, one.name)


async def pair_host(host: Host, board: Board) -> None:
    board.say("open")
    connection = await host.connect(board)
    host.guard.pair(connection.session, now_ms())
    event = await host.until(EV_PAIR_DIGITS, board.id)
    digits = event.about.pairing.digits
    assert (await board.until("digits")).split()[1] == digits
    host.guard.confirm(digits)
    board.say(f"yes {digits}")
    await host.until(EV_PAIRED, board.id)
    await board.until("paired", host.bus.id)
    await connection.close()


async def refusal(host: Host, board: Board) -> int:
    """Returns the refusal that a board sends to a stranger."""
    connection = await host.connect(board)
    await asyncio.wait_for(connection.ended(), TIMEOUT_S)
    return connection.session.peer_code


async def story(folder, port: int) -> None:
    key = os.urandom(32)
    one, other = Board(folder, "one", port), Board(folder, "other", port)
    async with one, other, Host(folder, key, port) as host:
        await asyncio.gather(one.knows(other), other.knows(one), host.knows(one, other))
        assert await refusal(host, other) == NOT_PAIRED
        await pair_boards(one, other)
        await pair_host(host, one)
        await pair_host(host, other)
    # All three restart, and nobody pairs.
    one, other = Board(folder, "one", port), Board(folder, "other", port)
    async with one, other, Host(folder, key, port) as host:
        await asyncio.gather(one.knows(other), other.knows(one), host.knows(one, other))
        one.say("echo other again")
        await one.until("echo again")
        one.say('call other echo {"a": [1, null]}')
        await one.until('answer {"a": [1, null]}')
        one.say("call other echo {")
        await one.until("error local.bad_argument")
        one.say("publish temperature 21.5")
        async with await host.connect(one) as connection:
            assert await echoed(connection) == b"hello"
            update = await connection.subscribe("temperature").__anext__()
            assert (update.topic, update.value) == ("temperature", 21.5)
        # One is unpaired: its session ends at once, and it is refused from then on.
        connection = await host.connect(other)
        assert await echoed(connection) == b"hello"
        other.say("unpair host")
        await other.until("unpaired", host.bus.id)
        await asyncio.wait_for(connection.ended(), TIMEOUT_S)
        assert connection.session.peer_code == TRUST_REVOKED
        assert await refusal(host, other) == NOT_PAIRED
        await other.until("denied", host.bus.id, "-", "trust.reject.not_paired")


def test_three_nodes(tmp_path):
    asyncio.run(asyncio.wait_for(story(tmp_path, free_port()), TIMEOUT_S))


async def lies(folder, port: int) -> None:
    """A paired peer that answers an echo with other bytes than it was sent."""
    answers = [b"\x1b[8mx\nonli", b"\xc2\x9b31m\xe2\x80\xaexy", b"\xff\x9b31m\0\1\2\3\4"]

    async def lie(_connection, stream):
        await stream.readexactly(10)
        await stream.write(answers.pop(0))

    async with Board(folder, "one", port) as one, Host(folder, os.urandom(32), port) as host:
        host.bus.on_stream("echo", lie)
        await host.knows(one)
        await pair_host(host, one)
        for shown in ("\\u001b[8mx\\u000aonli", "\\u009b31m\\u202exy", "b'\\xff\\x9b31m"):
            one.say("echo host 0123456789")
            assert is_harmless(await one.until("echo " + shown))


def test_what_an_echo_sends_back_is_text(tmp_path):
    asyncio.run(asyncio.wait_for(lies(tmp_path, free_port()), TIMEOUT_S))
