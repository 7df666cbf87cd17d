"""The reference: MQTT on this machine, not encrypted, with the clients of `aiomqtt`.

The broker is a process of its own, on a port of loopback: `mosquitto` where it is on the path,
`amqtt` where it is in the environment. The clients are in this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from stopwatch import Spent, Stopwatch

HOST = "127.0.0.1"
_AT_ONCE = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
_STARTS = 150  # looks for a broker that starts, a tenth of a second apart
_AMQTT = """\
listeners:
  default:
    type: tcp
    bind: {host}:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


def _amqtt(port: int, folder: Path) -> list[str]:
    config = folder / "amqtt.yaml"
    config.write_text(_AMQTT.format(host=HOST, port=port))
    return [str(Path(sys.executable).parent / "amqtt"), "-c", str(config)]


def _mosquitto(port: int, folder: Path) -> list[str]:
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} {HOST}\nallow_anonymous true\nset_tcp_nodelay true\n")
    return ["mosquitto", "-c", str(config)]


_COMMANDS = {"amqtt": _amqtt, "mosquitto": _mosquitto}


def installed() -> dict[str, bool]:
    """Returns for each broker whether it can be measured here."""
    client = importlib.util.find_spec("aiomqtt") is not None
    amqtt = importlib.util.find_spec("amqtt") is not None
    return {"amqtt": client and amqtt, "mosquitto": client and bool(shutil.which("mosquitto"))}


class Mqtt:
    """A broker, and clients that it has."""

    def __init__(self, broker: str) -> None:
        self._broker = broker

    async def __aenter__(self) -> Mqtt:
        self._stack = contextlib.AsyncExitStack()
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.port = _free_port()
        self._process = subprocess.Popen(
            _COMMANDS[self._broker](self.port, folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stack.callback(self._process.wait)
        self._stack.callback(self._process.terminate)
        await self._started()
        self._near, self._far = await self._client(), await self._client()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _started(self) -> None:
        for _ in range(_STARTS):
            try:
                _, writer = await asyncio.open_connection(HOST, self.port)
                writer.close()
                return
            except OSError:
                await asyncio.sleep(0.1)
        raise RuntimeError(f"{self._broker} does not start")

    async def _client(self):
        import aiomqtt

        # Else a small packet waits for the acknowledgement of the one before, 40 ms and more.
        client = aiomqtt.Client(HOST, self.port, socket_options=_AT_ONCE)
        client.pending_calls_threshold = 1000  # more under way at once is worth no warning
        return await self._stack.enter_async_context(client)

    async def requests(self, count: int, size: int, qos: int = 0) -> Spent:
        """So many requests, one after the other, of `size` bytes there and back."""
        near, far = self._near, self._far
        await far.subscribe("request", qos)
        await near.subscribe("answer", qos)
        answering = asyncio.ensure_future(_answer(far, qos, count))
        data = bytes(size)
        with Stopwatch() as watch:
            for _ in range(count):
                await near.publish("request", data, qos)
                await anext(near.messages)
        await answering
        await far.unsubscribe("request")
        await near.unsubscribe("answer")
        return watch.spent

    async def events(self, bursts: int, burst: int, size: int, qos: int = 0) -> Spent:
        """So many times a burst of events, each of which the subscriber has before the next."""
        near, far = self._near, self._far
        await near.subscribe("event", qos)
        data = bytes(size)
        with Stopwatch() as watch:
            for _ in range(bursts):
                if qos:  # all are under way before the first is acknowledged
                    await asyncio.gather(*[far.publish("event", data, qos) for _ in range(burst)])
                else:
                    for _ in range(burst):
                        await far.publish("event", data)
                for _ in range(burst):
                    await anext(near.messages)
        await near.unsubscribe("event")
        return watch.spent

    async def states(self, count: int, subscribers: int) -> Spent:
        """So many values, each of which all subscribers have before the next."""
        async with contextlib.AsyncExitStack() as stack:
            self._stack, outer = stack, self._stack
            clients = [await self._client() for _ in range(subscribers)]
            self._stack = outer
            for client in clients:
                await client.subscribe("state")
            with Stopwatch() as watch:
                for i in range(count):
                    await self._far.publish("state", i)
                    for client in clients:
                        await anext(client.messages)
        return watch.spent


async def _answer(client, qos: int, count: int) -> None:
    for _ in range(count):
        message = await anext(client.messages)
        await client.publish("answer", message.payload, qos)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]
