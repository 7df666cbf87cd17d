"""Gateways in processes of their own, real brokers for them, and a plain client of MQTT."""

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dsoftbus.base.key_file import encode_secret
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import crypto
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port

HOST = "127.0.0.1"
_PLACES = "/usr/sbin:/usr/local/sbin"
_START_S = 60
_AMQTT = """\
listeners:
  default:
    type: tcp
    bind: {host}:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""
_CONNECT = bytes.fromhex("100f00044d5154540402003c0003747374")  # of a client `tst`


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_PLACES}")
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def _mosquitto(folder: Path, port: int, lines: str) -> list[str]:
    config = folder / "mosquitto.conf"
    login = "" if "allow_anonymous" in lines else "allow_anonymous true\n"
    user = "user root\n" if os.getuid() == 0 else ""  # else it gives up what it may read
    config.write_text(f"listener {port} {HOST}\n{lines}\n{login}{user}")
    return [_program("mosquitto"), "-c", str(config)]


def _amqtt(folder: Path, port: int, _lines: str) -> list[str]:
    if importlib.util.find_spec("amqtt") is None:
        pytest.skip("amqtt is not installed")
    config = folder / "amqtt.yaml"
    config.write_text(_AMQTT.format(host=HOST, port=port))
    start = "from amqtt.scripts.broker_script import main; main()"
    return [sys.executable, "-W", "ignore", "-c", start, "-c", str(config)]


def _nats(folder: Path, port: int, _lines: str) -> list[str]:
    """Its MQTT, and what is retained, need JetStream."""
    config = folder / "nats.conf"
    config.write_text(
        f'server_name: here\nlisten: "{HOST}:{free_port()}"\n'
        f'jetstream {{ store_dir: "{folder / "nats"}" }}\n'
        f'mqtt {{ listen: "{HOST}:{port}" }}\n'
    )
    return [_program("nats-server"), "-c", str(config)]


BROKERS = {"mosquitto": _mosquitto, "amqtt": _amqtt, "nats-server": _nats}


class RealBroker:
    """A broker that is started and killed as often as a test likes, always on one port."""

    def __init__(self, kind: str, folder: Path, lines: str = "", waits: bool = True) -> None:
        self._waits = waits  # for its answer in plain MQTT
        self.port = free_port()
        self.url = f"mqtt://{HOST}:{self.port}"
        self._command = BROKERS[kind](folder, self.port, lines)
        self._process = None

    def __enter__(self) -> "RealBroker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Returns once it takes connections."""
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, stdout=null, stderr=null)
        end = time.monotonic() + _START_S
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < end, self._command
            time.sleep(0.02)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 5) as sock:
            if not self._waits:
                return True
            sock.settimeout(5)
            sock.sendall(_CONNECT)
            return sock.recv(1) == b"\x20"
        return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class PlainClient:
    """A client of MQTT that knows nothing of the bus: `retained` and `seen` of what it got."""

    def __init__(self, broker: RealBroker, *filters: str) -> None:
        self._broker = broker
        self._filters = filters or ("dsoftbus/#", "homeassistant/#")
        self.last: dict[str, bytes] = {}
        self.seen: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()

    async def __aenter__(self) -> "PlainClient":
        mqtt = pytest.importorskip("paho.mqtt.client")
        self._loop = asyncio.get_running_loop()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(text, 0) for text in self._filters]
        )
        ready = asyncio.Event()
        self._client.on_subscribe = lambda *_: self._loop.call_soon_threadsafe(ready.set)
        self._client.reconnect_delay_set(0.1, 0.2)
        await asyncio.to_thread(self._client.connect, HOST, self._broker.port)
        self._client.loop_start()
        await ready.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _on_message(self, _client, _data, message) -> None:
        # Its payload is a new object; the topic is decoded here, in the thread.
        self._loop.call_soon_threadsafe(self._take, message.topic, message.payload)

    def _take(self, topic: str, payload: bytes) -> None:
        self.last[topic] = payload
        self.seen.append((topic, payload))
        self._news.set()

    def publish(self, topic: str, payload: str, retain: bool = False) -> None:
        self._client.publish(topic, payload, 0, retain)

    async def until(self, condition):
        """Returns what `condition` gave, once that is something."""
        while not (found := condition()):
            self._news.clear()
            await self._news.wait()
        return found

    async def value(self, topic: str, payload: str) -> None:
        """Waits until a topic has this payload."""
        await self.until(lambda: self.last.get(topic) == payload.encode())

    async def ask(self, topic: str, payload: str) -> dict:
        """The next answer to a request."""
        answer = f"{topic}/response"
        had = len(self._answers(answer))
        self.publish(topic, payload)
        await self.until(lambda: len(self._answers(answer)) > had)
        return json.loads(self._answers(answer)[had])

    def _answers(self, topic: str) -> list[bytes]:
        return [payload for name, payload in self.seen if name == topic]


class Fleet:
    """Keys and trust of nodes and gateways that trust each other, on a network of their own."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.secrets = {name: bytes([n]) * 32 for n, name in enumerate(names, 1)}
        self.options = {name: self._made(name) for name in names}

    def public(self, name: str) -> bytes:
        return crypto.suite().keypair(self.secrets[name]).public

    def trust_path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def key_path(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def _made(self, name: str) -> tuple:
        key = self.key_path(name)
        key.write_bytes(encode_secret(self.secrets[name]))
        key.chmod(0o600)
        file = StoreFile(self.trust_path(name))
        for other in self.secrets:
            if other != name and "gateway" in name + other:
                file.store.add(Entry(self.public(other), other, [grant("allow both *")]))
        file.save()
        network = ("--interface", "127.0.0.1/8", "--discovery-port", self.port)
        return ("--key", key, "--trust", file.path, *network, "--name", name)
