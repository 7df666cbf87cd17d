"""Boards that meet at a broker and share nothing else: their slices are as an installation leaves
them, and mosquitto is the broker."""

import asyncio
import contextlib
import datetime
import hashlib
import ipaddress
import json
import os
import queue
import socket
import subprocess
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import real_brokers
from dsoftbus.base.key_file import encode_secret
from dsoftbus.broker import group_token
from dsoftbus.broker.cards import Cards
from dsoftbus.broker.group import Group
from dsoftbus.const import HOST, LINK_BROKER, SMALL, SUITE_CHACHA_SHA256
from dsoftbus.errors import BusError
from dsoftbus.mqtt.client import OPENED, MqttClient
from dsoftbus.trust import invitation
from dsoftbus.trust.acl import grant
from dsoftbus.trust.invitation import TOKEN_BYTES
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host import ANYONE, BareBus, Bus, crypto
from dsoftbus_host.board import install
from dsoftbus_host.board.make import boards
from dsoftbus_host.broker import meeting
from dsoftbus_host.storage import group_file
from dsoftbus_host.storage.group_file import KnownGroup
from free_ports import free_port
from portable import TIMEOUT_S, micropython

SECRET = b"s" * 32
KEYS = {"attic": b"a" * 32, "cellar": b"c" * 32}
SIZE = int(os.environ.get("DSOFTBUS_STORY_BYTES", "100000"))
HEAP = "512k"  # of 64-bit words
ANSWERS = """
import asyncio
async def main(bus):
    @bus.call("add")
    def add(session, value):
        return value + 1
    n = 0
    while True:
        n += 1
        bus.publish("count", n)
        await asyncio.sleep_ms(200)
"""
ASKS = """
import asyncio, os
async def main(bus):
    peer = bus.peer("attic")
    print("called", await peer.call("add", 41, 60000), len(peer.connection.peer_id))
    updates = peer.subscribe("count")
    print("update", (await updates.__anext__()).value > 0)
    with open("data", "wb") as file:
        for n in range({size} // 1000):
            file.write(bytes([n & 255]) * 1000)
    def progress(done, total):
        if done * 2 > total and not halves:
            halves.append(done)
            print("half")
    halves = []
    sent = await peer.send("data", "data", progress=progress)
    print("sent", sent[0].size)
    print("update", (await updates.__anext__()).value > 0)
    print("called", await peer.call("add", 1, 60000))
"""


class Board:
    """A board as a process; `lines` are what it says."""

    def __init__(self, folder):
        self.lines: queue.Queue = queue.Queue()
        self._process = subprocess.Popen(
            [*micropython(), "-X", f"heapsize={HEAP}", "main.py"],
            cwd=folder,
            env={**os.environ, "MICROPYPATH": ".:lib:.frozen"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.lines.put(line.decode().strip())
        self.lines.put("the end")

    def wait_for(self, *words):
        """The line that begins with one of `words`; what it says before is no reason to fail."""
        seen = []
        while True:
            try:
                line = self.lines.get(timeout=TIMEOUT_S)
            except queue.Empty:
                raise AssertionError(seen) from None
            seen.append(line)
            if line.startswith(words):
                return line
            assert line != "the end", seen

    def close(self):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()


def token(port, scheme="mqtt", login=""):
    return group_token.encode(Group(SECRET, "home", f"{scheme}://{login}127.0.0.1:{port}"))


@pytest.fixture(scope="module")
def files():
    board = boards.find("unix").for_settings({"group": "a token"})
    return {**install.files_for(board, "x64"), "main.py": board.main}


@pytest.fixture
def made(tmp_path, files):
    """`made(name, token, app)`: the folder of a board that trusts the other one."""

    def make(name, token, app="", **settings):
        folder = tmp_path / name
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        config = {"name": name, "serial": "", "port": 0, "group": token, **settings}
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "dsoftbus.key").write_bytes(encode_secret(KEYS[name]))
        store = TrustStore(SMALL)
        for other in KEYS:
            if other != name:
                key = BareBus(KEYS[other]).public
                store.add(Entry(key, other, [grant("allow both *")]))
        (folder / "trust.json").write_text(store.encode())
        (folder / "app.py").write_text(app)
        return folder

    return make


@pytest.fixture
def start():
    with contextlib.ExitStack() as stack:
        yield lambda folder: stack.enter_context(contextlib.closing(Board(folder)))


class Tap:
    """A port that leads to `broker`, and keeps all bytes that pass, both ways."""

    def __init__(self, broker):
        self.seen = bytearray()
        self._to = broker.port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listening.accept()
                self._open.append(sock)
                try:
                    other = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    sock.close()
                    continue
                self._open.append(other)
                for pair in ((sock, other), (other, sock)):
                    threading.Thread(target=self._move, args=pair, daemon=True).start()

    def _move(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(1 << 16):
                self.seen += data
                other.sendall(data)
        for sock in (one, other):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


def check_hidden(seen):
    """Nothing in what the broker saw says who is there, or what they say."""
    names = [name.encode() for name in ("attic", "cellar", "add", "count", "data", "box", "home")]
    publics = [BareBus(key).public for key in KEYS.values()]
    ids = [BareBus(key).id for key in KEYS.values()]
    for secret in (SECRET, *KEYS.values(), *publics, *[device.encode() for device in ids]):
        assert secret not in seen and secret.hex().encode() not in seen
    assert [n for n in range(256) if bytes([n]) * 100 in seen] == []  # of the file
    # A short word may stand in ciphertext by chance; a long one does not.
    assert not [name for name in names if len(name) > 4 and name in seen]


def test_boards_call_subscribe_and_share_through_a_broker_that_restarts(made, start, tmp_path):
    broker = real_brokers.mosquitto(tmp_path)
    broker.start()
    tap = Tap(broker)
    try:
        attic = start(made("attic", token(tap.port), ANSWERS, files="box"))
        attic.wait_for("started")
        cellar = start(made("cellar", token(tap.port), ASKS.replace("{size}", str(SIZE))))
        assert cellar.wait_for("called") == "called 42 26"
        assert cellar.wait_for("update") == "update True"
        cellar.wait_for("half")
        broker.kill()
        broker.start()
        assert cellar.wait_for("sent") == f"sent {SIZE}"
        assert cellar.wait_for("update") == "update True"
        assert cellar.wait_for("called") == "called 2"
    finally:
        tap.close()
        broker.kill()
    assert len(tap.seen) > 2 * SIZE  # to the broker, and from it
    check_hidden(bytes(tap.seen))
    there, here = tmp_path / "attic" / "box" / "data", tmp_path / "cellar" / "data"
    assert there.stat().st_size == SIZE
    assert digest(there) == digest(here)


def digest(path):
    return hashlib.sha256(path.read_bytes()).digest()


CALLS = """
async def main(bus):
    print("called", await bus.peer("attic").call("add", 41, 60000))
"""


def test_a_node_whose_broker_is_gone_at_start_goes_on_with_its_other_links(made, start, tmp_path):
    broker = real_brokers.mosquitto(tmp_path)
    port = free_port()

    async def ask():
        async with BareBus(KEYS["cellar"], "cellar", allow=ANYONE) as bus:
            connection = await bus.connect("127.0.0.1", port, BareBus(KEYS["attic"]).public)
            return await connection.call("add", 1)

    attic = start(made("attic", token(broker.port), ANSWERS, port=port, discovery=False))
    attic.wait_for("no broker: no connection")
    assert asyncio.run(asyncio.wait_for(ask(), TIMEOUT_S)) == 2
    broker.start()
    try:
        cellar = start(made("cellar", token(broker.port), CALLS))
        assert cellar.wait_for("called") == "called 42"
    finally:
        broker.kill()


UNSET = """
from utime import *

def time():
    return ticks_ms() // 1000
"""


def test_boards_whose_clocks_were_never_set_take_the_time_of_the_group(made, start, tmp_path):
    with real_brokers.mosquitto(tmp_path) as broker:
        group = Group(SECRET, "home", f"mqtt://127.0.0.1:{broker.port}")
        cards = Cards(group, crypto.suite(SUITE_CHACHA_SHA256).cipher, os.urandom)
        with contextlib.closing(Raw(broker.port)) as host:  # with a clock, and an hour of silence
            host.publish(group.clock_topic, cards.seal_clock(int(time.time()) - 3000))
            secret = token(broker.port)
            folders = [made("attic", secret, ANSWERS), made("cellar", secret, CALLS)]
            for folder in folders:
                (folder / "lib" / "time.py").write_text(UNSET)
            start(folders[0]).wait_for("started")
            assert start(folders[1]).wait_for("called") == "called 42"


async def with_host(secret, tmp_path, story):
    """Runs `story(bus)` on a host that has the key of the cellar, and trusts the attic."""
    store = TrustStore(HOST)
    store.add(Entry(BareBus(KEYS["attic"]).public, "attic", [grant("allow both *")]))
    (tmp_path / "host.trust").write_text(store.encode())
    (tmp_path / "host.trust").chmod(0o600)
    said = {"groups": [secret], "interfaces": [], "host": "127.0.0.1", "port": 0}
    (tmp_path / "host.key").write_bytes(encode_secret(KEYS["cellar"]))
    (tmp_path / "host.key").chmod(0o600)
    bus = Bus("cellar", key=tmp_path / "host.key", trust=tmp_path / "host.trust", **said)
    async with bus:
        return await story(bus)


def run(story):
    return asyncio.run(asyncio.wait_for(story, TIMEOUT_S))


def test_a_host_and_a_board_reach_each_other_and_a_broker_restarts(made, start, tmp_path):
    broker = real_brokers.mosquitto(tmp_path)
    broker.start()
    (tmp_path / "sent").write_bytes(os.urandom(SIZE))

    async def story(bus):
        peer = bus.peer("attic")
        assert await peer.call("add", 41, 60000) == 42
        assert peer.connection.session.route == (LINK_BROKER, "home", 0)
        updates = peer.subscribe("count")
        assert (await updates.__anext__()).value > 0
        sending = asyncio.ensure_future(peer.send(tmp_path / "sent", "sent"))
        await asyncio.sleep(0.2)
        broker.kill()
        broker.start()
        await sending
        await peer.fetch("sent", tmp_path / "back")
        assert (await updates.__anext__()).value > 0

    (tmp_path / "back").mkdir()
    secret = token(broker.port)
    attic = start(made("attic", secret, ANSWERS, files="box"))
    attic.wait_for("started")
    try:
        run(with_host(secret, tmp_path, story))
    finally:
        broker.kill()
    paths = tmp_path / "sent", tmp_path / "attic" / "box" / "sent", tmp_path / "back" / "sent"
    assert len({digest(path) for path in paths}) == 1


def test_a_stranger_pairs_by_the_token_of_a_board_and_comes_back(made, start, tmp_path):
    token_of_board = bytes(range(TOKEN_BYTES))
    psk, public = invitation.psk(token_of_board), BareBus(KEYS["attic"]).public

    async def ask(group, psk):
        async with BareBus(b"p" * 32, "stranger", allow=ANYONE) as bus:
            bus.open_group(group)
            await bus.line("home").link.connection.wait_open(bus.now() + 20000)
            connection = await bus.connect("home", 0, public, psk=psk, link="mqtt")
            return await connection.call("add", 1)

    with real_brokers.mosquitto(tmp_path) as broker:
        group = group_token.decode(token(broker.port))
        attic = made("attic", token(broker.port), ANSWERS, grants=["allow both *"])
        (attic / "dsoftbus.token").write_bytes(psk + token_of_board)
        start(attic).wait_for("started")
        with pytest.raises(BusError):
            run(ask(group, None))
        assert run(ask(group, psk)) == 2
        assert run(ask(group, None)) == 2


def test_a_host_corrects_a_board_that_has_an_old_time(made, start, tmp_path, monkeypatch):
    monkeypatch.setattr(meeting, "_CORRECT_MS", 100)
    with real_brokers.mosquitto(tmp_path) as broker:
        group = Group(SECRET, "home", f"mqtt://127.0.0.1:{broker.port}")
        cards = Cards(group, crypto.suite(SUITE_CHACHA_SHA256).cipher, os.urandom)
        secret = token(broker.port)
        attic = made("attic", secret, ANSWERS)
        (attic / "lib" / "time.py").write_text(UNSET)

        async def story(bus):
            while not bus.line("home").link.connection.is_open:
                await asyncio.sleep(0.05)
            with contextlib.closing(Raw(broker.port)) as raw:  # what was retained is of the past
                raw.publish(group.clock_topic, cards.seal_clock(int(time.time()) - 3000))
            start(attic).wait_for("started")
            return await bus.peer("attic").call("add", 1, 60000)

        assert run(with_host(secret, tmp_path, story)) == 2


class Raw:
    """A client of the broker that publishes."""

    def __init__(self, port):
        self._client = MqttClient()
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._client.begin(0, b"raw")
        self._flush()
        self._client.filled(self._socket.recv_into(self._client.space()), 0)
        assert self._client.next_event(0) == OPENED

    def publish(self, topic, payload):
        assert self._client.publish(topic.encode(), payload, -1, True)
        self._flush()

    def _flush(self):
        buffer, at, stop = self._client.output()
        self._socket.sendall(memoryview(buffer)[at:stop])
        self._client.written(stop - at)

    def close(self):
        self._socket.close()


BAD = (
    (b"", "the broker has ended the connection"),
    (b"HTTP/1.1 400 Bad Request", "malformed: no CONNACK"),
    (b"\x20\2\0\5", "the broker refuses this user"),
)


def test_what_a_bad_broker_does_is_said_and_another_attempt_follows(made, start):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT_S)
        port = server.getsockname()[1]
        attic = start(made("attic", token(port, login="some%40one:pass%3Aword@")))
        for says, why in BAD:
            with server.accept()[0] as sock:
                assert sock.recv(2000).endswith(b"\0\x08some@one\0\x09pass:word")
                sock.sendall(says)
                sock.shutdown(socket.SHUT_WR)
                assert attic.wait_for("no broker:") == f"no broker: {why}"
        with server.accept()[0] as sock:
            sock.recv(2000)
            sock.sendall(b"\x20\2\0\0")
            assert sock.recv(1)[0] == 0x82  # it subscribes


def certificate(folder):
    """Writes a key, and a certificate for 127.0.0.1 that it has signed itself, in DER, too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    made = made.public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - datetime.timedelta(days=1))
    made = made.not_valid_after(now + datetime.timedelta(days=9))
    made = made.add_extension(x509.BasicConstraints(True, None), True)
    alternative = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("127.0.0.1")]
    made = made.add_extension(x509.SubjectAlternativeName(alternative), False)
    signed = made.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (folder / "cert").write_bytes(signed.public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key").write_bytes(key.private_bytes(pem, *plain))
    return signed.public_bytes(serialization.Encoding.DER)


def test_boards_meet_over_tls_and_take_no_certificate_of_another(made, start, tmp_path):
    ca = certificate(tmp_path)
    (tmp_path / "other").mkdir()
    lines = f"certfile {tmp_path / 'cert'}", f"keyfile {tmp_path / 'key'}"
    with real_brokers.mosquitto(tmp_path, *lines) as broker:
        secret = token(broker.port, "mqtts")
        attic = made("attic", secret, ANSWERS)
        start(attic).wait_for("failed: mqtts: there is no broker.ca")
        (attic / "broker.ca").write_bytes(certificate(tmp_path / "other"))
        start(attic).wait_for("no broker: no connection")
        (attic / "broker.ca").write_bytes(ca)
        start(attic).wait_for("started")
        cellar = made("cellar", secret, CALLS)
        (cellar / "broker.ca").write_bytes((tmp_path / "cert").read_bytes())  # in PEM
        start(cellar).wait_for("failed: mqtts: broker.ca is no certificate in DER")
        (cellar / "broker.ca").write_bytes(ca)
        assert start(cellar).wait_for("called") == "called 42"


def test_a_board_gets_a_group_and_the_code_for_it_by_two_commands(board, command, tmp_path):
    trust, port = tmp_path / "host.trust", free_port()
    known = KnownGroup(Group(SECRET, "home", f"mqtt://me:hidden@127.0.0.1:{port}"))
    group_file.add(group_file.beside(trust), known)
    said, status = command("config", board.port, "--group", "home", "--trust", str(trust))
    assert status == 0 and "dsoftbus-group:" not in said and '"group": "********"' in said
    assert "failed: group: `dsoftbus board install` brings the code for it" in said
    assert not (board.folder / "lib" / "dsoftbus_broker.mpy").exists()
    said, status = command("install", board.port, "--board", "unix")
    assert status == 0 and (board.folder / "lib" / "dsoftbus_broker.mpy").exists()
    board.wait_for(b"no broker: no connection")
    assert command("config", board.port, "group=dsoftbus-group:nonsense")[1] == 1
    assert command("config", board.port, "group=null")[1] == 0
    assert command("install", board.port, "--board", "unix")[1] == 0
    assert not (board.folder / "lib" / "dsoftbus_broker.mpy").exists()
