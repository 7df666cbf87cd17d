"""`make bench-gateways`: two gateways at one broker, and 500 nodes.

The nodes are buses of one process, each with a session to both gateways over TCP; the gateways are
processes, and so is the broker, `mosquitto`. A plain client in this process takes what comes.
`events` are messages a second from the nodes to that client, beside as many that another plain
client publishes itself at the same broker: rounds take turns. Then the gateway that speaks for all
nodes is killed: the gap is how long a node waits until the other has said everything of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import click
import paho.mqtt.client as mqtt
import table
from hub import Large, raise_limits
from stopwatch import Figure, Spent, Stopwatch, report, row

from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host import crypto
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.broker.url import parse
from dsoftbus_host.gateway.gateway import Gateway
from dsoftbus_host.gateway.world import Settings

HOST = "127.0.0.1"
OUTPUT = Path("build/bench/gateways.json")
AT_ONCE = 8  # handshakes
GATEWAYS = 2
PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
LIMIT_S = 600


def public(secret: bytes) -> bytes:
    return crypto.suite().keypair(secret).public


def answer(pipe: Pipe, answers: dict[str, Callable[[], Any]]) -> None:
    """Answers each word on `pipe` from now on."""

    def on_word() -> None:
        pipe.send(answers[pipe.recv()]())

    asyncio.get_running_loop().add_reader(pipe.fileno(), on_word)


# A gateway, in a process of its own


def gateway(url: str, secret: bytes, nodes: list[bytes], pipe: Pipe) -> None:
    raise_limits()
    asyncio.run(_gateway(url, secret, nodes, pipe))


async def _gateway(url: str, secret: bytes, nodes: list[bytes], pipe: Pipe) -> None:
    store = TrustStore(Large)
    for n, key in enumerate(nodes):
        store.add(Entry(key, f"node{n}", [grant("allow both *")]))
    bus = BareBus(secret, "gateway", Large, guard=Guard(store, os.urandom))
    made = Gateway(bus, parse(url), Settings(version="bench"), lambda news: None)
    async with bus:
        port = await bus.listen(HOST, link="tcp")
        known = made.world.nodes
        answers: dict[str, Callable[[], Any]] = {
            "cpu": time.process_time,
            "ready": lambda: sum("value" in node.states for node in known.values()),
            "holds": lambda: sum(map(made.world.claims.holds, known)),
            "dropped": made.dropped,
        }
        pipe.send(port)
        answer(pipe, answers)
        await made.run()


# All nodes, in one process


def nodes(secrets: list[bytes], gateways: list[tuple[int, bytes]], pipe: Pipe) -> None:
    raise_limits()
    asyncio.run(_nodes(secrets, gateways, pipe))


async def _nodes(secrets: list[bytes], gateways: list[tuple[int, bytes]], pipe: Pipe) -> None:
    buses = []
    for secret in secrets:
        bus = BareBus(secret, "node", Large, allow=[key for _, key in gateways], resume=False)
        bus.topic("event", event=True)
        bus.publish("value", 0)
        buses.append(bus)
    waiting = [(bus, *there) for there in gateways for bus in buses]

    async def some() -> None:
        while waiting:
            bus, port, key = waiting.pop(0)
            await bus.connect(HOST, port, key)

    def publish() -> float:
        for bus in buses:
            bus.publish("event", 1)
        return time.process_time()

    await asyncio.gather(*[some() for _ in range(AT_ONCE)])
    pipe.send(True)
    answer(pipe, {"publish": publish, "cpu": time.process_time})
    await asyncio.Event().wait()


# This process


class Plain:
    """A client of MQTT that counts events, and notes when nodes were said to be there."""

    def __init__(self, port: int, wanted: str = "") -> None:
        self.count = 0
        self.here: dict[str, list[float]] = {}
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self.client.on_message = self._on_message
        self.client.connect(HOST, port)
        if wanted:
            for kind in ("topic/event", "availability"):
                self.client.subscribe(f"{wanted}/+/{kind}")
        self.client.loop_start()

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        topic = message.topic
        if topic.endswith("availability"):
            self.here.setdefault(topic, []).append(time.monotonic())
        else:
            self.count += 1

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError("that takes too long")
        time.sleep(0.005)


class Bench:
    """The broker, the gateways, the nodes and the plain clients."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Bench:
        self.port = self._broker()
        secrets = [os.urandom(32) for _ in range(self.count)]
        publics = list(map(public, secrets))
        url = f"mqtt://{HOST}:{self.port}"
        there = []
        self.gateways = []
        for _ in range(GATEWAYS):
            secret = os.urandom(32)
            process, pipe = self._process(gateway, url, secret, publics)
            there.append((pipe.recv(), public(secret)))
            self.gateways.append((process, pipe))
        self.process, self.pipe = self._process(nodes, secrets, there)
        self.far, self.near = Plain(self.port, "dsoftbus"), Plain(self.port)
        self.reference = Plain(self.port, "plain")
        for one in (self.far, self.near, self.reference):
            self._stack.callback(one.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _broker(self) -> int:
        program = shutil.which("mosquitto", path=PLACES)
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        with socket.socket() as sock:
            sock.bind((HOST, 0))
            port: int = sock.getsockname()[1]
        user = "user root\n" if os.getuid() == 0 else ""
        queue = "max_queued_messages 0\nallow_anonymous true\n"
        (folder / "conf").write_text(f"listener {port} {HOST}\n{queue}{user}")
        command = [str(program), "-c", str(folder / "conf")]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        until(lambda: _takes(port))
        return port

    def _process(self, function: Callable[..., None], *words: Any) -> tuple[Any, Pipe]:
        context = multiprocessing.get_context("spawn")
        pipe, other = context.Pipe()
        process = context.Process(target=function, args=(*words, other), daemon=True)
        process.start()
        self._stack.callback(process.join)
        self._stack.callback(process.kill)
        return process, pipe

    def ready(self) -> None:
        """Waits until both gateways reach all nodes, and the nodes are spoken for."""
        self.pipe.recv()
        until(lambda: all(self.ask(n, "ready") == self.count for n in range(GATEWAYS)))
        until(lambda: sum(self.ask(n, "holds") for n in range(GATEWAYS)) == self.count)

    def ask(self, n: int, word: str) -> Any:
        """Returns what a gateway answers."""
        self.gateways[n][1].send(word)
        return self.gateways[n][1].recv()

    def events(self, bursts: int) -> tuple[Spent, float]:
        """Bursts of an event of each node, until the plain client has all; and the CPU time of
        the gateways, in s."""
        before = sum(self.ask(n, "cpu") for n in range(GATEWAYS))
        with Stopwatch() as watch:
            for _ in range(bursts):
                wanted = self.far.count + self.count
                self.pipe.send("publish")
                self.pipe.recv()
                until(lambda wanted=wanted: self.far.count >= wanted)  # type: ignore[misc]
        cpu = sum(self.ask(n, "cpu") for n in range(GATEWAYS)) - before
        return watch.spent, cpu

    def plain(self, bursts: int) -> Spent:
        """A plain client publishes as many messages."""
        with Stopwatch() as watch:
            for _ in range(bursts):
                wanted = self.reference.count + self.count
                for n in range(self.count):
                    self.near.client.publish(f"plain/node{n}/topic/event", b"1")
                until(lambda wanted=wanted: self.reference.count >= wanted)  # type: ignore[misc]
        return watch.spent

    def takeover(self) -> list[float]:
        """Kills the gateway that speaks for most nodes; returns how long each of these waits, in
        s."""
        held = [self.ask(n, "holds") for n in range(GATEWAYS)]
        loser = held.index(max(held))
        said = {topic: len(times) for topic, times in self.far.here.items()}
        begun = time.monotonic()
        os.kill(self.gateways[loser][0].pid, signal.SIGKILL)

        def again() -> list[float]:
            found = self.far.here.items()
            return [times[-1] - begun for topic, times in found if len(times) > said.get(topic, 0)]

        until(lambda: len(again()) >= max(held))
        return again()


def _takes(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((HOST, port)) == 0


def measured(count: int, rounds: int, bursts: int) -> list[dict]:
    """The rows of all."""
    with Bench(count) as bench:
        with Stopwatch() as watch:
            bench.ready()
        ours, theirs, cpu = [], [], []
        for _ in range(rounds):
            spent, own = bench.events(bursts)
            ours.append(spent)
            cpu.append(own)
            theirs.append(bench.plain(bursts))
        figure = Figure("1/s", bursts * count, True)
        dropped = bench.ask(0, "dropped") or bench.ask(1, "dropped")
        gaps = table.spread(bench.takeover())
    each = table.median(cpu) / (bursts * count) * 1e6
    name = f"events of {count} nodes"
    return [
        row(name, figure, ours, "a plain client", theirs),
        table.row("CPU of both gateways, each event", each, "us", "", None),
        table.row("dropped", sum(dropped.values()), "events", "", None),
        table.row(f"{count} nodes are shown after", watch.spent.wall, "s", "", None),
        table.row("takeover: a node waits (median)", gaps[0] * 1000, "ms", "", None),
        table.row("takeover: a quarter wait longer", gaps[2] * 1000, "ms", "", None),
    ]


@click.command()
@click.option("--nodes", "count", default=500, show_default=True, help="Simulated nodes.")
@click.option("--rounds", default=7, show_default=True, help="Rounds of each measurement.")
@click.option("--bursts", default=10, show_default=True, help="Events of each node in a round.")
@click.option("--quick", is_flag=True, help="Only so much that everything has run.")
def main(count: int, rounds: int, bursts: int, quick: bool) -> None:
    """Measures two gateways at mosquitto, and the gap when one of them is killed."""
    raise_limits()
    if not shutil.which("mosquitto", path=PLACES):
        sys.exit("mosquitto is not installed")
    found = measured(8, 1, 2) if quick else measured(count, rounds, bursts)
    report(found, OUTPUT)


if __name__ == "__main__":
    main()
