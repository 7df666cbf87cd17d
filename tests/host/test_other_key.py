"""A peer whose key is another one by now: what is known of that is said, and ends no attempt."""

import asyncio
import os

import pytest

from dsoftbus.const import HOST, LINK_DATAGRAM, LINK_LINE, LINK_STREAM
from dsoftbus.discovery.announce import Announcement
from dsoftbus.discovery.peers import Peers
from dsoftbus.errors import (
    DECRYPT_FAILED,
    END_HANDSHAKE_TIMEOUT,
    END_LINK_DOWN,
    END_PEER,
    END_REFUSED,
    OTHER_KEY,
    STALE_PEER,
    LocalError,
    PeerError,
)
from dsoftbus.identity import device_id
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host import other_key
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.bus import Bus
from dsoftbus_host.cli.terminal import words
from dsoftbus_host.discovery.interfaces import LOOPBACK
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from portable import TIMEOUT_S

LINE = (LINK_LINE, "/dev/ttyACM0", 0)
TCP = (LINK_STREAM, "10.0.0.1", 7)
UDP = (LINK_DATAGRAM, "10.0.0.1", 7)
SOUGHT, OTHER, THIRD = (bytes((n,)) * 32 for n in (1, 2, 3))
LIFETIME_MS = 60000


class Heard:
    """A table of peers that hears announcements, each a second after the one before."""

    def __init__(self):
        self.peers = Peers(HOST, device_id(bytes(32)))
        self.now = 0

    def hear(self, public: bytes, source, name: str = "desk", links=((LINK_STREAM, 7),)):
        self.now += 1000
        said = Announcement(device_id(public), public, links, name=name)
        said.sequence = self.now
        assert self.peers.receive_datagram(said.encode(), source, self.now)

    def at(self, route):
        found = other_key.at(self.peers, device_id(SOUGHT), route, self.now)
        return found and found.public


def test_what_announces_itself_at_the_place_is_found():
    for source, route in ((LINE, LINE), (("10.0.0.1", 1), TCP)):
        heard = Heard()
        assert heard.at(route) is None
        heard.hear(OTHER, source)
        assert heard.at(route) == OTHER
        heard.now += LIFETIME_MS
        assert heard.at(route) is None  # what it said holds no more


def test_another_place_says_nothing():
    heard = Heard()
    heard.hear(OTHER, ("10.0.0.1", 1))
    for route in (UDP, (LINK_STREAM, "10.0.0.1", 8), (LINK_STREAM, "10.0.0.2", 7), LINE):
        assert heard.at(route) is None
    heard.hear(THIRD, (LINK_LINE, "/dev/ttyACM0", 1))  # a bridge's channel is another place
    assert heard.at(LINE) is None


def test_the_one_that_was_heard_last_counts():
    heard = Heard()
    heard.hear(OTHER, LINE)
    heard.hear(SOUGHT, LINE)
    assert heard.at(LINE) is None
    heard.hear(OTHER, LINE)
    assert heard.at(LINE) == OTHER


def test_strangers_that_have_the_name_of_a_trusted_peer():
    def named():
        found = other_key.named(heard.peers, store, device_id(SOUGHT), heard.now)
        return found and found.public

    heard, store = Heard(), TrustStore(HOST)
    heard.hear(OTHER, LINE)
    assert named() is None  # nobody is sought who has a name
    entry = Entry(SOUGHT, "desk", [])
    store.add(entry)
    assert named() == OTHER
    entry.next_public = OTHER
    assert named() is None  # that is the same peer, with its next key
    entry.next_public = b""
    store.add(Entry(OTHER, "another desk", []))
    assert named() is None  # somebody else, and known
    heard.hear(THIRD, LINE, name="hall")
    assert named() is None


@pytest.mark.parametrize(
    "code, said, explained",
    [
        (END_HANDSHAKE_TIMEOUT, 0, True),
        (END_HANDSHAKE_TIMEOUT, DECRYPT_FAILED, True),
        (END_REFUSED, DECRYPT_FAILED, True),
        (END_REFUSED, 0, False),
        (END_LINK_DOWN, 0, False),
        (END_PEER, DECRYPT_FAILED, False),
    ],
)
def test_failures_that_another_key_explains(code, said, explained):
    heard = Heard()
    heard.hear(OTHER, LINE)
    failure = PeerError(code, "", said)
    told = other_key.explained(failure, "place", heard.peers.get(device_id(OTHER)))
    if not explained:
        assert told is failure
        return
    assert (told.code, told.peer_code) == (OTHER_KEY, said)
    assert device_id(OTHER) in str(told) and "'desk'" in str(told)
    assert other_key.explained(failure, "place", None) is failure
    assert OTHER_KEY in words.ADVICE and DECRYPT_FAILED in words.ADVICE


class Place:
    """`nearby` trusts "desk" by a key that nobody has, and hears a bus on this port announced
    under that name with another one."""

    def __init__(self, folder):
        port = free_port()
        self.sought = BareBus(os.urandom(32)).public
        file = StoreFile(folder / "trust.json")
        file.store.add(Entry(self.sought, "desk", []))
        options = {"interfaces": [LOOPBACK], "discovery_port": port}
        self.nearby = Bus(
            "a", key=os.urandom(32), trust=file, on_event=_ignore, listen=False, **options
        )
        other = StoreFile(folder / "other.json")
        listen = {"host": "127.0.0.1"}
        self.other = Bus(
            "desk", key=os.urandom(32), trust=other, on_event=_ignore, **listen, **options
        )

    async def heard(self):
        while self.nearby.peers.get(self.other.id) is None:
            await asyncio.sleep(0.01)


def _ignore(event) -> None:
    pass


def run(test) -> None:
    asyncio.run(asyncio.wait_for(test, TIMEOUT_S))


def test_a_peer_that_is_heard_under_another_key_is_not_just_stale(tmp_path):
    async def test():
        place = Place(tmp_path)
        async with place.nearby:
            with pytest.raises(LocalError) as unheard:
                await place.nearby.heard("desk", 0.1)
            assert unheard.value.code == STALE_PEER
            async with place.other:
                await place.heard()
                with pytest.raises(LocalError) as unheard:
                    await place.nearby.heard("desk", 0.1)
                assert unheard.value.code == OTHER_KEY
                assert place.other.id in str(unheard.value)

    run(test())


def test_who_answers_with_another_key_is_named_after_the_attempt(tmp_path):
    async def test():
        place = Place(tmp_path)
        async with place.nearby, place.other:
            await place.heard()
            device = device_id(place.sought)
            route = (LINK_STREAM, "127.0.0.1", place.other.port)
            place.nearby.peers.know(place.sought).fixed = route
            with pytest.raises(PeerError) as refused:
                await place.nearby.reach(device)
            assert (refused.value.code, refused.value.peer_code) == (OTHER_KEY, DECRYPT_FAILED)
            assert place.other.id in str(refused.value)

    run(test())


def test_a_forged_hint_ends_no_attempt_and_does_not_outlive_one():
    """An opening that somebody says cannot be read goes on, and its end has what was said."""

    async def test():
        async with (
            BareBus(os.urandom(32), allow=ANYONE) as server,
            BareBus(os.urandom(32)) as client,
        ):
            port = await server.listen(link="udp")
            wrong = BareBus(os.urandom(32)).public
            dialling = asyncio.ensure_future(client.connect("127.0.0.1", port, wrong, link="udp"))
            while not any(session.peer_code for session in client.node.sessions):
                await asyncio.sleep(0.01)
            assert not dialling.done()
            (session,) = client.node.sessions
            session.limit_handshake(0)  # the time that it was given is over
            client._ports[0].turn()
            with pytest.raises(PeerError) as ended:
                await dialling
            assert ended.value.code == END_HANDSHAKE_TIMEOUT
            assert ended.value.peer_code == DECRYPT_FAILED

    run(test())
