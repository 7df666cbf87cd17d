"""The bus of a program: by default it is the node that the commands speak of."""

import asyncio
import json

import pytest

from backend import run
from dsoftbus.errors import BAD_ARGUMENT, BAD_STATE, BusError, LocalError
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import ANYONE, BareBus, Bus, key_file
from dsoftbus_host.discovery.interfaces import LOOPBACK, Interface
from dsoftbus_host.storage import secret_files, trust_file
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from node_pair import HOST, A, B
from nodes import echoed


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.fixture
def place() -> dict:
    """These nodes speak on this machine alone."""
    port = free_port()
    return {"host": HOST, "interfaces": [LOOPBACK], "discovery_port": port}


def trust(*keys: bytes) -> None:
    """Does to the user's trust store as `dsoftbus pair` does."""
    file = StoreFile(trust_file.default_path())
    for key in keys:
        file.store.add(Entry(key, "friend", [grant("allow both *")]))
    file.save()


async def echo(session, stream) -> None:
    await stream.write(await stream.read())


def test_it_has_the_user_s_key_and_lets_in_those_that_are_paired(home, place):
    async def test():
        async with Bus("attic", **place) as bus, BareBus(A) as friend, BareBus(B) as stranger:
            assert bus.public == BareBus(key_file.load_or_make()).public
            bus.on_stream("echo", echo)
            session = await friend.connect(HOST, bus.port, bus.public)
            assert await echoed(session) == b"hello"
            assert session.peer_name == "attic"
            session = await friend.connect(HOST, bus.port, bus.public, link="udp")
            assert await echoed(session) == b"hello"
            with pytest.raises(BusError) as denied:
                await echoed(await stranger.connect(HOST, bus.port, bus.public))
            assert "not_paired" in str(denied.value)

    trust(BareBus(A).public)
    run(test())


def test_it_denies_everybody_unless_somebody_is_named(home, place):
    async def let_in(**who) -> bool:
        async with Bus("attic", **place, **who) as bus, BareBus(A) as peer:
            bus.on_stream("echo", echo)
            try:
                session = await peer.connect(HOST, bus.port, bus.public)
                return await echoed(session) == b"hello"
            except BusError:
                return False

    async def test():
        for nobody_here in ({}, {"allow": [B]}, {"psk": bytes(32)}):
            assert not await let_in(**nobody_here)
        assert await let_in(allow=[BareBus(A).public])
        assert await let_in(allow=ANYONE)

    run(test())


def test_one_that_does_not_listen_opens_no_port_and_finds_others(home, place):
    async def test():
        async with (
            Bus("attic", key=A, allow=ANYONE, **place) as attic,
            Bus("desk", listen=False, **place) as desk,
        ):
            assert (desk.places, desk.port, desk.discovery.said.links) == ([], 0, [])
            session = await desk.reach(await desk.heard(attic.id))
            assert session.peer_name == "attic"

    run(test())


def test_what_it_was_given_goes_before_the_user_s(home, place, tmp_path):
    async def test():
        own = tmp_path / "own.key"
        async with Bus(key=own, trust=tmp_path / "own.json", keepalive_ms=70, **place) as bus:
            assert bus.public == BareBus(key_file.load(own)).public
            assert bus.node.local.name
            assert bus.node.profile.keepalive_ms == 70
            assert len(bus.guard.store) == 0
        async with Bus("attic", key=A, allow=[B], **place) as bus:
            assert bus.public == BareBus(A).public
            with pytest.raises(LocalError) as error:
                bus.guard  # noqa: B018 - a property
            assert error.value.code == BAD_STATE
        assert not key_file.default_path().exists()

    trust(A)
    run(test())


def settings(**said) -> None:
    folder = secret_files.settings_folder()
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(said))


def test_it_has_the_user_s_settings_and_what_is_given_goes_before_them(home):
    async def test():
        async with Bus() as bus:
            assert (bus.node.local.name, bus.node.profile.keepalive_ms) == ("hall", 300)
            assert {place[0] for place in bus.places} == {HOST}
            async with Bus("desk", key=A, listen=False, keepalive_ms=400) as desk:
                assert (desk.node.local.name, desk.node.profile.keepalive_ms) == ("desk", 400)
                assert await desk.heard("hall") == bus.id

    port = free_port()
    place = {"host": HOST, "interfaces": ["127.0.0.1/8"], "ask": [f"{HOST}:{port}"]}
    settings(name="hall", discovery=port, keepalive_ms=300, **place)
    run(test())


@pytest.mark.parametrize(
    "wrong", [{"prot": 1}, {"port": "many"}, {"ask": "hall"}, {"keepalive_ms": 1}, ["name"]]
)
def test_wrong_settings_are_named(home, wrong):
    settings()
    (secret_files.settings_folder() / "config.json").write_text(json.dumps(wrong))
    with pytest.raises(LocalError) as error:
        Bus("attic")
    assert error.value.code == BAD_ARGUMENT
    assert "config.json" in str(error.value)


def test_a_key_in_the_place_of_the_name_is_refused(home):
    with pytest.raises(LocalError) as error:
        Bus(A)
    assert error.value.code == BAD_ARGUMENT


def test_one_that_cannot_begin_leaves_nothing_open(home, place):
    async def test():
        async with BareBus(A) as other:
            port = await other.listen(HOST)
            bus = Bus("attic", port=port, **place)
            with pytest.raises(OSError, match="in use"):
                await bus.__aenter__()
            assert bus.closed

    run(test())


def test_a_bare_bus_listens_everywhere_unless_it_is_told_otherwise():
    async def test():
        async with BareBus(A, allow=ANYONE) as bus, BareBus(B) as peer:
            port = await bus.listen()
            for host in (HOST, "::1"):
                async with await peer.connect(host, port, bus.public) as session:
                    assert session.peer_id == bus.id

    run(test())


def test_one_that_listens_everywhere_speaks_on_interfaces_that_come_later(home, monkeypatch):
    """Without one given, and so with those of the machine: here two of loopback."""
    later = Interface("127.0.0.2", LOOPBACK.broadcast)
    there = [LOOPBACK]
    monkeypatch.setattr("dsoftbus_host.bus.all_interfaces", lambda: list(there))

    async def test():
        async with Bus("attic", discovery_port=free_port()) as bus:
            await until(lambda: bus.discovery.multicast.interfaces == [LOOPBACK])
            there.append(later)
            bus.discovery.announce_soon()
            await until(lambda: bus.discovery.multicast.interfaces == [LOOPBACK, later])
            assert later.address in bus.peers.own_hosts

    run(test())


async def until(come) -> None:
    while not come():
        await asyncio.sleep(0)
