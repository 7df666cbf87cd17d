"""Nodes that meet at a broker and nowhere else, for the tests of groups."""

import asyncio

from dsoftbus.broker import group_token
from dsoftbus.broker.group import Group
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import BareBus, Bus
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from node_pair import A, B

LONG_S = 60  # a busy machine
SECRET = bytes(range(32))


def run(coroutine) -> None:
    """Runs it in real time: brokers are processes of their own."""
    complaints = []

    async def watched() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, found: complaints.append(found))
        await coroutine

    asyncio.run(watched())
    assert not complaints, complaints


async def until(true) -> None:
    """Waits until `true()`."""

    async def wait() -> None:
        while not true():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), LONG_S)


class Nodes:
    """Two nodes that trust each other and meet at the broker at `url`; on networks they do not
    hear each other."""

    def __init__(self, folder, url: str, trusted: bool = True) -> None:
        self.group = Group(SECRET, "home", url)
        self.token = group_token.encode(self.group)
        self.folder = folder
        self._trusted = trusted

    def bus(self, name: str, key: bytes, *friends: bytes, **more) -> Bus:
        path = self.folder / f"{name}.json"
        if not path.exists() and self._trusted:
            file = StoreFile(path)
            for friend in friends:
                entry = Entry(BareBus(friend).public, "friend", [grant("allow both *")])
                file.store.add(entry)
            file.save()
        bus = Bus(
            name,
            key=key,
            trust=path,
            host="127.0.0.1",
            interfaces=[LOOPBACK],
            discovery_port=free_port(),  # each has its own, so that they do not meet
            **{"groups": [self.token], **more},
        )

        @bus.call("double")
        async def double(_connection, value):
            return 2 * value

        return bus

    def attic(self, **more) -> Bus:
        return self.bus("attic", A, B, **more)

    def desk(self, **more) -> Bus:
        return self.bus("desk", B, A, **more)


def link_of(bus: Bus):
    """The link of a bus's only group."""
    return bus.line("home").link


def drops_of(bus: Bus) -> dict:
    """Labels and counts of letters that were dropped."""
    from dsoftbus.broker.drop_labels import labelled

    return labelled(link_of(bus).letters.drops)


def cards_of(bus: Bus) -> dict:
    """The same of cards."""
    from dsoftbus.broker.drop_labels import labelled

    return labelled(link_of(bus).meeting.cards.drops)
