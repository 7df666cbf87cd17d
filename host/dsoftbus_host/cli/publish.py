"""The command that publishes a topic."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any, NamedTuple

import click

from dsoftbus.const import EV_DENIED, EV_KEY_DUE
from dsoftbus.errors import BAD_STATE, BusError, LocalError
from dsoftbus.mux.events import NodeEvent
from dsoftbus_host import event_loop
from dsoftbus_host import json_values as values
from dsoftbus_host.bus import Bus
from dsoftbus_host.cli.call import VALUES
from dsoftbus_host.cli.common import command, console, errors
from dsoftbus_host.cli.reach import Place, place_options
from dsoftbus_host.cli.serving import serve_log
from dsoftbus_host.cli.serving.service_manager import serve_until
from dsoftbus_host.cli.terminal import words
from dsoftbus_host.cli.terminal.typed import Typed
from dsoftbus_host.storage import serving_note

_INPUT = "-"
_LOOK_S = 0.02
_LOOKS = 50  # for a subscriber that is slow: a second


class _Topic(NamedTuple):
    """The topic as the command line says it."""

    name: str
    event: bool
    about: str
    unit: str


@click.command("publish", context_settings=VALUES)
@click.argument("topic", metavar="NAME")
@click.argument("value")
@click.option("--event", is_flag=True, help="Publish events, of which each counts.")
@click.option(
    "--every",
    type=click.FloatRange(0.01, 86400),
    metavar="SECONDS",
    help="Publish VALUE again and again.",
)
@click.option("--about", default="", help="A line for people, for `dsoftbus offers`.")
@click.option("--unit", default="", help="The unit of the values, for the same.")
@click.option("--name", default="", show_default="the host's name", help="This node's name.")
@place_options
@command
def publish(
    topic: str,
    value: str,
    event: bool,
    every: float | None,
    about: str,
    unit: str,
    name: str,
    place: Place,
) -> None:
    """Publish a value under NAME, for paired peers that may have it.

    VALUE is JSON, or `-`: then each line of the standard input is one, and the command ends with
    the last. A state is there until Ctrl-C. An event waits for the first subscriber; after a VALUE
    that is one the command ends.
    """
    lines = value == _INPUT
    if lines and every is not None:
        raise click.UsageError("--every is for a VALUE; with `-` the input says when")
    said = None if lines else values.parsed(value)
    check_alone(place)

    def on_event(event: NodeEvent) -> None:
        _say_event(event, bus)

    bus = place.bus(on_event, name)
    wanted = _Topic(topic, event, about, unit)
    bus.topic(*wanted)
    with serving_note.held(place.key_path) as note:
        note.write(since=time.strftime(serve_log.TIME), publishes=topic)
        failed = event_loop.run(_publish(bus, place, wanted, said, every, lines))
    if failed:
        sys.exit(1)


def _say_event(event: NodeEvent, bus: Bus) -> None:
    if event.kind == EV_DENIED:
        serve_log.say_denied(event, bus.guard.store)
    elif event.kind == EV_KEY_DUE:
        serve_log.say("this node has a new key, which holds once this is started again")


def check_alone(place: Place) -> None:
    """Peers reach one node of a key: a second would be there for some of them, and not for
    others."""
    other = serving_note.read(place.key_path)
    if other is not None:
        what = f"publishes {other['publishes']}" if "publishes" in other else "serves"
        raise LocalError(
            BAD_STATE,
            f"process {other.get('pid')} {what} with this key, and peers would reach that one: "
            "stop it, or give another --key, which is another node to pair with",
        )


async def _publish(
    bus: Bus, place: Place, topic: _Topic, value: Any, every: float | None, lines: bool
) -> int:
    """Returns how many lines of the input could not be published."""
    failed = 0
    async with bus:
        place.ask(bus)
        console.print(f"{bus.id} publishes {topic.name}")
        if not len(bus.guard.store):
            console.print("nobody is paired, so nobody may subscribe; `dsoftbus pair` pairs")
        if lines:
            failed = await _publish_lines(bus, topic)
        elif every is not None:
            await _publish_often(bus, topic, value, every)
        elif topic.event:
            await _subscribed(bus, topic)
            bus.publish(topic.name, value)
        else:
            bus.publish(topic.name, value)
            await serve_until(asyncio.Event())
        await asyncio.sleep(0)  # what was published leaves when the loop comes round
    return failed


async def _publish_often(bus: Bus, topic: _Topic, value: Any, every: float) -> None:
    while True:
        bus.publish(topic.name, value)
        await asyncio.sleep(every)


async def _publish_lines(bus: Bus, topic: _Topic) -> int:
    if topic.event:
        await _subscribed(bus, topic)
    typed = Typed()
    number = failed = 0
    while True:
        try:
            text = await typed.line()
        except EOFError:
            return failed
        number += 1
        try:
            bus.publish(topic.name, values.parsed(text))
        except BusError as error:
            errors.print_lines(words.said(error, what=f"line {number}"), style="red")
            failed += 1
        await _left(bus, topic)


async def _subscribed(bus: Bus, topic: _Topic) -> None:
    """Waits for the first subscriber, for an event is for those who are there."""
    if not _feeds(bus, topic):
        errors.print("waiting for a subscriber")
    while not _feeds(bus, topic):
        await asyncio.sleep(_LOOK_S)


async def _left(bus: Bus, topic: _Topic) -> None:
    """The input waits for who reads slowly, but for no more than a second a line."""
    await asyncio.sleep(0)
    for _ in range(_LOOKS if topic.event else 0):
        if not any(feed.waits for feed in _feeds(bus, topic)):
            return
        await asyncio.sleep(_LOOK_S)


def _feeds(bus: Bus, topic: _Topic) -> list[Any]:
    topics = [] if bus.publishing is None else bus.publishing.topics.all()
    return [feed for each in topics if each.name == topic.name for feed in each.feeds]
