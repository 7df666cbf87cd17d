"""The commands of gateways: nodes of the bus in another world."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.text import Text

from dsoftbus.const import EV_DENIED, EV_KEY_DUE
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.mux.events import NodeEvent
from dsoftbus_host import event_loop
from dsoftbus_host.broker import url
from dsoftbus_host.broker.url import BrokerUrl
from dsoftbus_host.bus import Bus
from dsoftbus_host.cli.common import command, console, errors, short_id, warn_of_argument
from dsoftbus_host.cli.publish import check_alone
from dsoftbus_host.cli.reach import Place, place_options
from dsoftbus_host.cli.serving import serve_log
from dsoftbus_host.cli.serving.service_manager import serve_until
from dsoftbus_host.display import shown
from dsoftbus_host.gateway import home_assistant
from dsoftbus_host.gateway.client import paho
from dsoftbus_host.gateway.gateway import Gateway
from dsoftbus_host.gateway.topics import is_prefix
from dsoftbus_host.gateway.world import Settings
from dsoftbus_host.storage import serving_note

_WARNING = (
    "this gateway decrypts: the broker, and everyone whom it lets read, sees what these nodes "
    "say; everyone whom it lets write may call them as this node may"
)
_PASSWORD_MAX = 4096
_DISCOVERIES = ("homeassistant", "none")


class _Options(NamedTuple):
    """The options of one gateway."""

    broker: BrokerUrl
    settings: Settings
    ca: Path | None
    nodes: tuple[str, ...]
    forget: bool
    as_json: bool
    name: str


@click.group("gateway")
def gateway() -> None:
    """Show the nodes of the bus elsewhere; that end is not encrypted by the bus."""


@gateway.command("mqtt")
@click.argument("broker", metavar="BROKER")
@click.option("--user", help="The name for the broker; without it that of BROKER.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file whose first line is the password for it.",
)
@click.option(
    "--prefix", default="dsoftbus", show_default=True, help="How all of its topics begin."
)
@click.option(
    "--discovery",
    type=click.Choice(_DISCOVERIES),
    default=_DISCOVERIES[0],
    show_default=True,
    help="Whom to tell what the nodes are.",
)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="NAME",
    help="Show this node, and no other that is paired; repeatable.",
)
@click.option("--forget", is_flag=True, help="Leave nothing at the broker at the end.")
@click.option("--name", default="", show_default="the host's name", help="This node's name.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each event.")
@place_options
@command
def mqtt(
    broker: str,
    user: str | None,
    password_file: Path | None,
    prefix: str,
    discovery: str,
    nodes: tuple[str, ...],
    forget: bool,
    name: str,
    as_json: bool,
    place: Place,
) -> None:
    """Show paired nodes at an MQTT broker, their topics and their calls.

    BROKER is mqtt://[USER@]HOST[:PORT], or mqtts:// for TLS. It DECRYPTS: the broker, and whom it
    lets in, read what these nodes publish and may call them as this node may. Home Assistant finds
    them by itself. Several gateways share a fleet: one speaks for a node at a time. It goes on
    until Ctrl-C.
    """
    paho()  # or it says what to install
    if not is_prefix(prefix):
        raise LocalError(BAD_ARGUMENT, f"--prefix {prefix}: that is no topic")
    there = _login(_broker(broker), user, password_file)
    prefix_there = home_assistant.PREFIX if discovery == "homeassistant" else ""
    settings = Settings(prefix, prefix_there, metadata.version("dsoftbus"))
    options = _Options(there, settings, place.ca, nodes, forget, as_json, name)
    check_alone(place)
    log = _Log(as_json)
    with serving_note.held(place.key_path) as note:
        note.write(since=time.strftime(serve_log.TIME), publishes=f"paired nodes at {there}")
        event_loop.run(_gateway(options, place, log))


def _broker(text: str) -> BrokerUrl:
    return url.parse(text if "://" in text else f"mqtt://{text}")


def _login(there: BrokerUrl, user: str | None, password_file: Path | None) -> BrokerUrl:
    if there.password:
        warn_of_argument("the password of BROKER", "--password-file keeps it out")
    if password_file is not None:
        there = there._replace(password=_first_line(password_file))
    there = there._replace(user=user or there.user)
    if there.password and not there.user:
        raise click.UsageError("a password goes with a --user")
    return there


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        first = file.read(_PASSWORD_MAX).split(b"\n")[0].rstrip(b"\r")
    try:
        return first.decode()
    except UnicodeDecodeError:
        raise LocalError(BAD_ARGUMENT, f"{path}: its first line is no text") from None


async def _gateway(options: _Options, place: Place, log: _Log) -> None:
    def on_event(event: NodeEvent) -> None:
        if event.kind == EV_DENIED:
            log.denied(event, bus)
        elif event.kind == EV_KEY_DUE:
            log.say({"event": "key", "why": "a new key holds once this is started again"})

    bus = place.bus(on_event, options.name)
    bus.on_error = log.fault
    only = [_known(bus, text) for text in options.nodes]
    log.begin(bus, options.broker)
    async with bus:
        place.ask(bus)
        made = Gateway(bus, options.broker, options.settings, log.say, only, options.ca)
        manager = asyncio.ensure_future(serve_until(asyncio.Event()))
        try:
            await made.run(options.forget)
        finally:
            manager.cancel()
            await asyncio.gather(manager, return_exceptions=True)


def _known(bus: Bus, text: str) -> str:
    entry = bus.guard.store.find(text)
    if entry is None:
        raise LocalError(BAD_ARGUMENT, f"--node {text}: `dsoftbus peers` lists those there are")
    device: str = entry.id
    return device


class _Log:
    """Prints a line for each event: for people, or for programs."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def begin(self, bus: Bus, broker: BrokerUrl) -> None:
        """The first lines: what it is, and what it means."""
        if self._as_json:
            self.say({"event": "begins", "id": bus.id, "broker": str(broker), "decrypts": True})
            errors.print(_WARNING, style="yellow")
        else:
            console.print(_WARNING, style="yellow")
            console.print(f"{bus.id} is a gateway to {broker}")
        if not len(bus.guard.store):
            errors.print("nobody is paired, so there is nothing to show; `dsoftbus pair` pairs")

    def say(self, news: dict[str, Any]) -> None:
        """One event."""
        if self._as_json:
            line = json.dumps({"time": int(time.time()), **news})
            console.print(Text(line), soft_wrap=True)
        else:
            serve_log.say(shown(_said(news)))
        console.file.flush()

    def denied(self, event: NodeEvent, bus: Bus) -> None:
        """Somebody may not connect, or not open a stream."""
        if self._as_json:
            self.say({"event": "denied", "id": event.peer, "stream": event.name})
        else:
            serve_log.say_denied(event, bus.guard.store)

    def fault(self, error: Exception) -> None:
        """Says what went wrong with a peer; it is tried again."""
        self.say({"event": "error", "why": str(error) or repr(error)})


def _node(news: dict[str, Any]) -> str:
    return f"{news['node'] or '-'} ({short_id(news['id'])})"


def _dropped(news: dict[str, Any]) -> str:
    if "counts" in news:
        return "dropped so far: " + ", ".join(f"{n} {why}" for why, n in news["counts"].items())
    return f"dropped: {news['why']}, of {news['node'] or '-'}"


_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "connected": lambda news: f"connected to {news['broker']}",
    "disconnected": lambda news: f"no connection to {news['broker']}: {news['why']}",
    "speaks": lambda news: f"speaks for {_node(news)}",
    "silent": lambda news: f"speaks no more for {_node(news)}",
    "unpaired": lambda news: f"{_node(news)} is shown no more",
    "refused": lambda news: f"{_node(news)}: {news['why']}",
    "birth": lambda _news: "Home Assistant has started: all is said again",
    "dropped": _dropped,
    "key": lambda news: str(news["why"]),
    "error": lambda news: str(news["why"]),
}


def _said(news: dict[str, Any]) -> str:
    return _WORDS[news["event"]](news)
