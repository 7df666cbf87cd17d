"""The MQTT client of boards beside another's, paho, at a real broker."""

import contextlib
import socket
import threading
import typing

import pytest

import real_brokers
from dsoftbus.mqtt.client import ENDED, MESSAGE, NOTHING, OPENED, MqttClient
from dsoftbus.mqtt.packets import Will
from portable import TIMEOUT_S

paho = pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
SIZES = (0, 1, 119, 120, 121, 127, 128, 1223)


class Ours:
    """The client on a blocking socket. Each is closed at the end of its test."""

    every: typing.ClassVar[list] = []

    def __init__(self, port, name=b"ours", **said):
        self.client = MqttClient()
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self.every.append(self.socket)
        self.client.begin(0, name, **said)
        self.flush()

    def flush(self):
        buffer, at, stop = self.client.output()
        self.socket.sendall(bytes(buffer[at:stop]))
        self.client.written(stop - at)

    def next(self):
        """The next event; of a message what is in it."""
        while True:
            event = self.client.next_event(0)
            if event == MESSAGE:
                return self.client.topic, bytes(self.client.buffer[slice(*self.payload)])
            if event != NOTHING:
                return event
            n = self.socket.recv_into(self.client.space())
            if not n:
                self.client.link_lost("the end")
            self.client.filled(n, 0)

    @property
    def payload(self):
        return self.client.at, self.client.stop


class Theirs:
    """Paho, whose thread hears `topic`."""

    def __init__(self, port, topic):
        self.heard, self._count, self._there = [], threading.Semaphore(0), threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, "theirs")
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: self._there.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.client.subscribe(topic)
        assert self._there.wait(TIMEOUT_S)

    def _on_message(self, _client, _data, message):
        self.heard.append((message.topic.encode(), message.payload, message.retain))
        self._count.release()

    def next(self, n):
        for _ in range(n):
            assert self._count.acquire(timeout=TIMEOUT_S)
        return self.heard

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()
        self.client.__del__()  # a collection would find its sockets open


@pytest.fixture(autouse=True)
def closed():
    yield
    while Ours.every:
        Ours.every.pop().close()


@pytest.fixture
def port(tmp_path):
    with real_brokers.mosquitto(tmp_path) as broker:
        yield broker.port


@pytest.fixture
def theirs_at(port):
    with contextlib.ExitStack() as stack:
        yield lambda topic: stack.enter_context(contextlib.closing(Theirs(port, topic)))


def test_another_client_hears_what_ours_says(port, theirs_at):
    ours = Ours(port, will=Will(b"t/will", b"gone", True))
    assert ours.next() == OPENED
    theirs = theirs_at("t/+")
    for size in SIZES:
        assert ours.client.publish(b"t/%d" % size, bytes(size))
        ours.flush()
    ours.socket.close()  # no DISCONNECT
    expected = [(b"t/%d" % size, bytes(size), False) for size in SIZES]
    assert theirs.next(len(SIZES) + 1) == [*expected, (b"t/will", b"gone", False)]
    later = Ours(port, b"later")
    assert later.next() == OPENED and later.client.subscribe([b"t/will"])
    later.flush()
    assert later.next() == (b"t/will", b"gone")  # it was retained


def test_ours_hears_what_another_client_says(port, theirs_at):
    ours = Ours(port)
    assert ours.next() == OPENED and ours.client.subscribe([b"a/+", b"b"])
    ours.flush()
    theirs = theirs_at("none")
    theirs.client.publish("b", b"first", retain=True)
    assert ours.next() == (b"b", b"first")
    for size in (*SIZES, 3000):
        theirs.client.publish("a/\u00e9", bytes(size))
    theirs.client.publish("b", b"last", qos=2)  # comes at the QoS that was granted
    for size in SIZES:
        assert ours.next() == ("a/\u00e9".encode(), bytes(size))
    assert ours.next() == (b"b", b"last") and ours.client.skipped == 1
    ours.client.handle_timer(60000)
    ours.flush()
    theirs.client.publish("b", b"after the ping")
    assert ours.next() == (b"b", b"after the ping") and ours.client.poll_timer() < 60000
    assert ours.client.unsubscribe([b"a/+", b"b"])
    ours.client.close()
    ours.flush()
    rest = b"".join(iter(lambda: ours.socket.recv(100), b""))
    assert rest.removeprefix(b"\xd0\0") == b"\xb0\2\0\2"  # the ping's answer may be late


def test_a_refused_login_is_said_in_words(tmp_path):
    (tmp_path / "passwords").write_text("")
    (tmp_path / "passwords").chmod(0o644)
    with real_brokers.mosquitto(
        tmp_path, "allow_anonymous false", f"password_file {tmp_path / 'passwords'}"
    ) as broker:
        ours = Ours(broker.port, user=b"who", password=b"wrong")
        assert ours.next() == ENDED
    assert ours.client.why.startswith("the broker refuses")
