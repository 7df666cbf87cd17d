"""A gateway on its bus: it follows the nodes that are paired, and has a client of the broker."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any

from dsoftbus.errors import BAD_ARGUMENT, BusError, LocalError
from dsoftbus.service import status
from dsoftbus.service.status import CallError
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.broker.url import BrokerUrl
from dsoftbus_host.contained import Contained
from dsoftbus_host.gateway.client import Client
from dsoftbus_host.gateway.outbox import Publish
from dsoftbus_host.gateway.topics import OFFLINE
from dsoftbus_host.gateway.world import Call, Settings, World

_LOOK_S = 1  # how long a change of trust may go unnoticed
_REPORT_S = 30
_LEAVE_S = 2
_SOON_S = 0.02
_RETRY_S, _RETRY_MAX_S = 1, 60
News = Callable[[dict[str, Any]], None]


class Gateway:
    """One gateway: `bus` has a trust store, whose nodes it shows; with `only`, these of them, by
    their ids. `on_news` gets what people may want to know: `event` and its fields.

    Raises Unsupported where there is no client of MQTT; ValueError for a prefix that is no topic.
    """

    def __init__(
        self,
        bus: BareBus,
        broker: BrokerUrl,
        settings: Settings,
        on_news: News,
        only: Collection[str] = (),
        ca: Path | None = None,
    ) -> None:
        self.world = World(bus.id, os.urandom(4).hex(), settings)
        self._bus = bus
        self._broker = broker
        self._only = only
        self._on_news = on_news
        self._names: dict[str, str] = {}
        self._followed: dict[str, list[asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._said = ""  # why there is no broker, as it was told last
        topic = self.world.topics.gateway(bus.id, "availability")
        name = f"dsoftbus{bus.id}"
        self._client = Client(broker, name, Publish(topic, OFFLINE, True), self, ca)

    async def run(self, forget: bool = False) -> None:
        """Runs until it is cancelled; with `forget` nothing is left at the broker then."""
        parts = (self._client.run(), self._watch_trust(), self._watch_presence(), self._report())
        running = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            self.world.leave(forget, self._bus.now())
            with contextlib.suppress(asyncio.CancelledError):
                await self._client.leave(_LEAVE_S)
            await self._end(running)

    async def _end(self, running: list[asyncio.Task[None]]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        tasks = [*running, *self._tasks]
        tasks += [task for followed in self._followed.values() for task in followed]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What the client tells, and asks

    def on_up(self) -> None:
        """See `client.Handler`."""
        self._said = ""
        self._on_news({"event": "connected", "broker": str(self._broker)})
        self.world.connected(self._bus.now())
        self._turn()

    def on_down(self, why: str) -> None:
        """See `client.Handler`."""
        self.world.disconnected(self._bus.now())
        if why != self._said:
            self._said = why
            self._on_news({"event": "disconnected", "broker": str(self._broker), "why": why})
        self._turn()

    def on_message(self, topic: str, payload: bytes, retained: bool) -> None:
        """See `client.Handler`."""
        with Contained("a message of the broker"):
            self.world.message(topic, payload, retained, self._bus.now())
            self._turn()

    def next_message(self) -> Publish | None:
        """See `client.Handler`."""
        return self.world.outbox.take()

    def subscriptions(self) -> list[str]:
        """See `client.Handler`."""
        return self.world.subscriptions()

    # The nodes

    async def _watch_trust(self) -> None:
        """Follows who is paired."""
        revision = -1
        while True:
            store = self._bus.node.guard.store
            if store.revision != revision:
                revision = store.revision
                names = {entry.id: entry.name for entry in store if self._is_wanted(entry.id)}
                await self._show(names)
            await asyncio.sleep(_LOOK_S)

    def _is_wanted(self, device: str) -> bool:
        return device != self._bus.id and (not self._only or device in self._only)

    async def _show(self, names: dict[str, str]) -> None:
        now = self._bus.now()
        self.world.trust(names, now)
        for device in [device for device in self._followed if device not in names]:
            await self._leave(device)
        for device in names:
            if device not in self._followed:
                self._follow(device)
        self._turn()

    def _follow(self, device: str) -> None:
        peer = self._bus.peer(device)
        peer.start()
        steps = (self._updates, self._offers)
        self._followed[device] = [
            asyncio.ensure_future(self._again(device, peer, step)) for step in steps
        ]
        sleeper = self._bus.sleepers and self._bus.sleepers.get(device)
        asleep_s = sleeper.left_s(self._bus.now()) if sleeper else None
        here = bool(self._bus.connections(device))
        self.world.presence(device, here, asleep_s, self._bus.now())

    async def _leave(self, device: str) -> None:
        for task in self._followed.pop(device):
            task.cancel()
        await self._bus.peer(device).close()

    async def _again(
        self, device: str, peer: Any, step: Callable[[str, Any], Coroutine[Any, Any, None]]
    ) -> None:
        """Goes on after a refusal: rules change, and programs do."""
        wait_s = _RETRY_S
        told = ""
        while True:
            with Contained("a node of a gateway"):
                try:
                    await step(device, peer)
                    wait_s = _RETRY_S
                except BusError as error:
                    lacks = isinstance(error, CallError) and error.code == status.NO_METHOD
                    wait_s = _RETRY_MAX_S if lacks else min(2 * wait_s, _RETRY_MAX_S)
                    if not lacks and str(error) != told:
                        told = str(error)
                        self._refused(device, told)
            await asyncio.sleep(wait_s)

    def _refused(self, device: str, why: str) -> None:
        node = self.world.nodes.get(device)
        name = "" if node is None else node.name
        self._on_news({"event": "refused", "node": name, "id": device, "why": why})

    async def _updates(self, device: str, peer: Any) -> None:
        async with peer.subscribe("#") as updates:
            async for found in updates:
                now = self._bus.now()
                self.world.update(device, found.topic, found.value, found.event, now)
                self._turn()

    async def _offers(self, device: str, peer: Any) -> None:
        watch = peer.watch_offers()
        try:
            async for found in watch:
                self.world.offers(device, found, self._bus.now())
                self._turn()
        finally:
            watch.close()

    async def _watch_presence(self) -> None:
        async for seen in self._bus.presence():
            with Contained("the presence of a node"):
                self.world.presence(seen.id, seen.online, seen.asleep_s, self._bus.now())
                self._turn()

    # What comes out

    def _turn(self) -> None:
        """Hands on all that the world has."""
        while (call := self.world.next_call()) is not None:
            task = asyncio.ensure_future(self._call(call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        while self.world.wanted:
            self._client.subscribe(self.world.wanted.popleft())
        while (news := self.world.next_news()) is not None:
            self._on_news(news)
        self._client.wake()
        self._set_timer()

    def _set_timer(self) -> None:
        """Looks at the deadlines soon: they are not looked at for each of many messages."""
        if self._timer is None or self._timer.when() > self._soon():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(self._soon(), self._on_time)

    def _soon(self) -> float:
        return asyncio.get_running_loop().time() + _SOON_S

    def _on_time(self) -> None:
        self._timer = None
        due = self.world.poll_timer()
        now = self._bus.now()
        if due is not None and due <= now:
            self._set_timer()
            with Contained("the timer of a gateway"):
                self.world.handle_timer(now)
                self._turn()
        elif due is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later((due - now) / 1000, self._on_time)

    async def _call(self, call: Call) -> None:
        """Makes one call, once."""
        try:
            peer = self._bus.peer(call.device)
            value = await peer.call(call.name, call.value, call.timeout_ms)
        except BusError as error:
            self.world.failed(call.number, error)
        except (ValueError, TypeError) as error:  # a value that no message can have
            self.world.failed(call.number, LocalError(BAD_ARGUMENT, str(error)))
        else:
            self.world.done(call.number, value)
        self._turn()

    async def _report(self) -> None:
        """Says now and then what was dropped."""
        told: dict[str, int] = {}
        while True:
            await asyncio.sleep(_REPORT_S)
            counts = self.dropped()
            if counts != told:
                told = counts
                self._on_news({"event": "dropped", "counts": counts})

    def dropped(self) -> dict[str, int]:
        """The numbers of messages that were dropped so far, by why."""
        counts = dict(self.world.dropped)
        if self.world.outbox.dropped:
            counts["queue"] = self.world.outbox.dropped
        if self.world.claims.malformed:
            counts["malformed"] = self.world.claims.malformed
        return counts
