"""Gateways in processes of their own, real brokers for them, and a plain client of MQTT."""

import asyncio
import json
from pathlib import Path

import pytest

from dsoftbus.base.key_file import encode_secret
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import crypto
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from real_brokers import HOST, KINDS, Broker


def real_broker(kind: str, folder: Path, tls: bool = False, **lines: str) -> Broker:
    """A broker of this kind, with `lines` for mosquitto; leaves the test out where it is not
    installed."""
    if missing := KINDS[kind].missing():
        pytest.skip(missing)
    return Broker(KINDS[kind](folder, **lines), tls)


class PlainClient:
    """A client of MQTT that knows nothing of the bus: `retained` and `seen` of what it got."""

    def __init__(self, broker: Broker, *filters: str) -> None:
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
