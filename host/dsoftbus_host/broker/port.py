"""The datagram link through a broker, and the sessions on it."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from dsoftbus.broker.cards import Cards
from dsoftbus.broker.drops import MALFORMED, NO_ROOM
from dsoftbus.broker.group import Group
from dsoftbus.broker.letters import LETTER_HEAD, LETTER_MAX, LETTER_MTU, Letters
from dsoftbus.const import LINK_BROKER, REC_INIT, SUITE_CHACHA_SHA256
from dsoftbus.errors import PeerError
from dsoftbus.identity import device_id
from dsoftbus.mqtt.packets import Will
from dsoftbus_aio.hub_port import HubPort
from dsoftbus_host import display
from dsoftbus_host.broker.connection import BrokerConnection
from dsoftbus_host.broker.url import parse
from dsoftbus_host.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection

QUEUE = 512  # letters that were read and wait for a turn
SENDERS = 64  # whose letters have a budget of their own
CONNECT_MS = 20000
_LOOK_MS = 60000  # at the calendar: inboxes of the next day are listened to long before
log = display.log()


def unix_s() -> int:
    """The time of the calendar, s since 1970."""
    return int(time.time())


class CardTable(Protocol):
    """The cards of a group beside its letters: see `Meeting`."""

    def topics(self) -> list[str]: ...
    def will(self) -> Will | None: ...
    def on_open(self) -> None: ...
    def receive(self, topic: str, payload: bytes) -> None: ...


class BrokerLink:
    """The letters of one node in one group, as a datagram link. Its paths are those of `letters`.

    With `answers` peers may begin sessions here; else another program of this node does that, and
    both read the same inbox.
    """

    mtu = LETTER_MTU

    def __init__(self, bus: BaseBus, group: Group, ca: str | None, answers: bool) -> None:
        self.letters = Letters(group, bus.id, SENDERS)
        self.answers = answers
        self.meeting: CardTable | None = None  # reads and writes cards, where there is one
        self.on_heard = self.on_room = _nothing  # the port's
        self.on_plug: Callable[[bool], object] = bool  # as well: the broker is there
        self.connection = BrokerConnection(
            parse(group.broker),
            bus.runtime,
            ca,
            self._will,
            self._on_open,
            self._on_message,
            lambda: self.on_heard(),
            lambda: self.on_room(),
        )
        self._queue: deque[tuple[bytes, bytes]] = deque()  # (datagram, path)
        self._out = bytearray(LETTER_MAX)
        self._subscribed: set[str] = set()
        self._calendar = bus.runtime.timer(self._on_calendar)

    @property
    def waiting(self) -> int:
        """The number of letters that were read and wait for a turn."""
        return len(self._queue)

    def recvfrom_into(self, buffer: bytearray) -> tuple[int, bytes] | None:
        if not self._queue:
            return None
        datagram, path = self._queue.popleft()
        buffer[: len(datagram)] = datagram
        return len(datagram), path

    def sendto(self, buffer: bytearray, n: int, path: bytes) -> bool:
        """False where the connection takes none now; without a connection a letter is lost, as a
        datagram is where there is no network."""
        if not self.connection.is_open:
            return True
        now_s = unix_s()
        topic = self.letters.topic_to(path, now_s)
        stop = self.letters.seal(self._out, 0, buffer, n, path, now_s)
        if not stop or self._publish(topic, stop):
            return True
        self.flush()  # what a turn has gathered
        if self._publish(topic, stop):
            return True
        self.connection.wait_room()
        return not self.connection.is_open

    def _publish(self, topic: str, stop: int) -> bool:
        return self.connection.client.publish(topic.encode(), self._out, stop)

    def flush(self) -> None:
        self.connection.flush()

    def close(self) -> None:
        self._calendar.close()
        self.connection.close()

    def look(self) -> None:
        """Follows the calendar: on a new day other inboxes are listened to."""
        wanted = set(self.letters.topics(unix_s()))
        if self.meeting is not None:
            wanted |= set(self.meeting.topics())
        client = self.connection.client
        new, old = sorted(wanted - self._subscribed), sorted(self._subscribed - wanted)
        if new and client.subscribe([topic.encode() for topic in new]):
            self._subscribed |= set(new)
        if old and client.unsubscribe([topic.encode() for topic in old]):
            self._subscribed -= set(old)
        self.flush()
        self._calendar.at(now_ms() + _LOOK_MS)

    def _on_calendar(self) -> None:
        if self.connection.is_open:
            self.look()

    # What its connection tells it

    def _will(self) -> Will | None:
        return None if self.meeting is None else self.meeting.will()

    def _on_open(self) -> None:
        log.info("broker %s: connected", self.connection.url)
        self._subscribed = set()
        self.look()
        if self.meeting is not None:
            self.meeting.on_open()
        self.on_plug(True)

    def _on_message(self, topic: bytes, buffer: bytearray, at: int, stop: int) -> None:
        text = topic.decode("utf-8", "replace")
        if text not in self.letters.topics(unix_s()):
            if self.meeting is not None:
                self.meeting.receive(text, bytes(memoryview(buffer)[at:stop]))
            else:
                self.letters.drops.add(MALFORMED)
            return
        path = self.letters.open(text, buffer, at, stop, unix_s(), now_ms())
        if path is None or (buffer[at + LETTER_HEAD] == REC_INIT and not self.answers):
            return
        if len(self._queue) >= QUEUE:
            self.letters.drops.add(NO_ROOM)
            return
        self._queue.append((bytes(memoryview(buffer)[at + LETTER_HEAD : stop]), path))


class BrokerPort(HubPort):
    """One group of a bus, and the sessions through its broker. `path` is the group's name."""

    READS = 64

    def __init__(
        self, bus: BaseBus, group: Group, ca: str | None = None, answers: bool = True
    ) -> None:
        self.path = group.name
        self.group = group
        super().__init__(bus, BrokerLink(bus, group, ca, answers))
        self.link: BrokerLink = self._link
        self.link.on_heard = self._heard
        self.link.on_room = self._on_room
        self.link.on_plug = self._on_plug
        self.link.connection.on_lost = lambda: self._on_plug(False)
        self._again = bus.runtime.timer(self._heard)

    async def connect(
        self,
        public: bytes,
        timeout_ms: int = CONNECT_MS,
        psk: bytes | None = None,
        _port: int = 0,
    ) -> Connection:
        """A session with the node of the group whose public key is `public`, or BusError.

        Raises PeerError: BROKER_GONE where the broker does not answer, BROKER_REFUSED where it
        refuses this node; the detail has its words.
        """
        deadline = now_ms() + timeout_ms
        connection = self.link.connection
        if not await connection.wait_open(deadline):
            raise PeerError(connection.code, f"{connection.url}: {connection.why or 'no answer'}")
        self._bus.check_open()
        path = self.address_of(device_id(public))
        route = (LINK_BROKER, self.path, 0)
        begun = self.begin(path, public, SUITE_CHACHA_SHA256, psk, route, deadline)
        return await begun.established()

    def address_of(self, device: str) -> bytes:
        """The address of the node `device` today."""
        return self.link.letters.path_to(device, unix_s())

    def says(self, _address: bytes) -> str:
        """The path to any node of the group, in words."""
        return "mqtt " + self.path

    def cards(self) -> Cards:
        """A reader and writer of this group's cards."""
        local = self._bus.node.local
        return Cards(self.group, local.suites[SUITE_CHACHA_SHA256].cipher, local.random)

    def close(self) -> None:
        self._again.close()
        super().close()

    # Ours: the connection watches its own sockets

    def watch(self) -> None:
        self.link.connection.start()

    def _want_write(self, on: bool) -> None:
        if on:
            self.link.connection.wait_room()

    def _move(self) -> None:
        super()._move()
        self.link.flush()

    def _heard(self) -> None:
        if self.link.waiting:
            self._on_readable()
        if self.link.waiting:
            self._again.at(0)

    def _on_plug(self, there: bool) -> None:
        self._bus.moving.plugged(self, there)

    def _on_room(self) -> None:
        if self._writing:
            self.turn()


def _nothing() -> None:
    """Stands for a port that is not there yet."""
