"""Nodes that share nothing but a broker: the way through real ones, and what these have seen."""

import asyncio
import base64
import hashlib
import re

import pytest

import real_brokers
from dsoftbus.const import LINK_BROKER
from dsoftbus.identity import BASE32
from meeting_nodes import LONG_S, SECRET, Nodes, run, until
from node_pair import A, B

MB = 1 << 20


def broker_of(name: str, folder):
    kind = real_brokers.KINDS[name]
    if kind.missing():
        pytest.skip(kind.missing())
    return real_brokers.Broker(kind(folder))


@pytest.fixture(params=list(real_brokers.KINDS))
def broker(request, tmp_path):
    with broker_of(request.param, tmp_path) as broker:
        yield broker


@pytest.fixture
def mosquitto(tmp_path):
    with broker_of("mosquitto", tmp_path) as broker:
        yield broker


class Recorder:
    """Stands before a broker, and keeps every byte that goes through."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self.seen = bytearray()
        self._tasks: list[asyncio.Task] = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        for source, sink in ((reader, back), (there, writer)):
            self._tasks.append(asyncio.ensure_future(self._copy(source, sink)))

    async def _copy(self, source, sink) -> None:
        try:
            while data := await source.read(65536):
                self.seen += data
                sink.write(data)
        except OSError:
            pass
        finally:
            sink.close()


def test_call_subscribe_share_and_a_broker_that_is_killed(broker, tmp_path):
    """The way through each broker, with a restart in between."""
    nodes = Nodes(tmp_path, broker.url)
    data = bytes(range(256)) * (MB // 256)
    (tmp_path / "served").mkdir()
    (tmp_path / "big").write_bytes(data)

    async def test():
        async with nodes.attic() as attic, nodes.desk() as desk:
            attic.share(tmp_path / "served")
            attic.publish("heat", 21)
            peer = desk.peer(attic.id)
            assert await peer.call("double", 21) == 42
            session = desk.connections(attic.id)[0]
            assert session.session.route == (LINK_BROKER, "home", 0)
            updates = desk.subscribe("heat")
            update = await asyncio.wait_for(updates.__anext__(), LONG_S)
            assert update.value == 21
            broker.kill()
            attic.publish("heat", 22)
            broker.start()
            update = await asyncio.wait_for(updates.__anext__(), LONG_S)
            assert update.value == 22
            assert desk.connections(attic.id)[0] is session  # it has lived on
            await peer.send(tmp_path / "big")
            stored = (tmp_path / "served" / "big").read_bytes()
            assert hashlib.sha256(stored).digest() == hashlib.sha256(data).digest()

    run(test())


def forms(plain: bytes) -> list[bytes]:
    """The ways in which somebody might have written it."""
    return [
        *(plain, plain.hex().encode(), base64.b64encode(plain).rstrip(b"=")[:-1]),
        *(plain[::-1], base64.b32encode(plain).rstrip(b"=")[:-1].lower()),
    ]


def test_the_broker_saw_no_id_no_name_no_key_and_no_plaintext(mosquitto, tmp_path):
    """Every byte of both connections, both ways, and all that a subscriber of `#` gets."""
    text = b"the garden gate stands open at night"
    secrets = [SECRET, A, B, b"attic", b"desk", b"double", b"heat-in-the-attic", text]

    async def test():
        async with Recorder(mosquitto.port) as recorder:
            nodes = Nodes(tmp_path, f"mqtt://127.0.0.1:{recorder.port}")
            async with nodes.attic() as attic, nodes.desk() as desk:
                attic.publish("heat-in-the-attic", text.decode())
                updates = desk.subscribe("heat-in-the-attic")
                assert await desk.peer(attic.id).call("double", text.decode()) == 2 * text.decode()
                await asyncio.wait_for(updates.__anext__(), LONG_S)
                ids = [attic.id.encode(), desk.id.encode(), attic.public, desk.public]
            seen = bytes(recorder.seen)
        assert len(seen) > 3000
        for secret in (*secrets, *ids):
            for form in forms(secret):
                assert form not in seen and form.upper() not in seen
        # Behind their lengths: any two bytes are somewhere in so much that is sealed.
        parts = set(re.findall(rb"\0.b/(.{16})", seen, re.DOTALL))
        assert parts and all(chr(c) in BASE32 for part in parts for c in part)

    run(test())


def test_cards_come_and_go_and_leave_nothing_behind(mosquitto, tmp_path):
    nodes = Nodes(tmp_path, mosquitto.url)

    async def test():
        async with nodes.desk() as desk:
            async with nodes.attic() as attic:
                await until(lambda: (p := desk.peers.get(attic.id)) is not None and p.online)
                peer = desk.peers.get(attic.id)
                assert (peer.name, peer.routes()) == ("attic", [(LINK_BROKER, "home", 0)])
                await until(lambda: (p := attic.peers.get(desk.id)) is not None and p.online)
            await until(lambda: not peer.online)
            assert peer.broker is None
        async with nodes.bus("third", bytes([7]) * 32, listen=False) as third:
            await until(lambda: third.line("home").link.connection.is_open)
            await asyncio.sleep(0.2)
            assert list(third.peers) == []

    run(test())


def test_a_program_that_does_not_listen_has_no_card_and_is_not_answered_for(mosquitto, tmp_path):
    """Two programs of one node read one inbox: the one that listens answers."""
    nodes = Nodes(tmp_path, mosquitto.url)

    async def test():
        async with nodes.attic() as serving, nodes.attic(listen=False) as short:
            await until(lambda: short.line("home").link.connection.is_open)
            async with nodes.desk() as desk:
                for _ in range(3):
                    async with await desk.reach(serving.id) as session:
                        assert await session.call("double", 1) == 2
                assert short.connections() == []
                assert await short.peer(desk.id).call("double", 2) == 4

    run(test())


def test_a_wrong_login_is_said_in_words(tmp_path):
    with real_brokers.mosquitto(tmp_path, "allow_anonymous false") as broker:
        nodes = Nodes(tmp_path, broker.url)

        async def test():
            async with nodes.attic() as attic:
                with pytest.raises(Exception, match="the broker refuses") as e:
                    await attic.connect("home", 0, B, link="mqtt")
                assert e.value.label == "broker.refused"

        run(test())
