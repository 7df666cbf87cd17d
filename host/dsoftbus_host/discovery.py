"""Discovery on the host: announcements by multicast and broadcast, on several interfaces, and on
the serial lines that the bus has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dsoftbus.const import DISCOVERY_PORT, LINK_STREAM
from dsoftbus.discovery.announce import FLAG_QUERY, Announcement, pairing_flags
from dsoftbus.discovery.announcer import ASK_BYTES, Announcer
from dsoftbus_host.address import check_host
from dsoftbus_host.clock import now_ms, sequence_start
from dsoftbus_host.contained import Contained
from dsoftbus_host.ether import Ether
from dsoftbus_host.interfaces import Interface, all_interfaces

if TYPE_CHECKING:
    from dsoftbus.discovery.on_line import OnLine
    from dsoftbus_host.bus import Bus
    from dsoftbus_host.serial_port import SerialPort
    from dsoftbus_host.watch import Watch

_AGAIN_MS = 1000


class Discovery:
    """Finds the nodes around `bus`, and lets itself be found by them.

    `port` is where the bus listens (0: it does not, and only looks), over the links of `kinds`;
    `interfaces` are the addresses to speak on; `sequence` is where announcements begin to count
    (`starts`), by default where the clock is. What changes is told through `watch`.
    """

    def __init__(
        self,
        bus: Bus,
        watch: Watch,
        port: int = 0,
        services: Iterable[str] = (),
        interfaces: list[Interface] | None = None,
        discovery_port: int = DISCOVERY_PORT,
        kinds: Iterable[int] = (LINK_STREAM,),
        sequence: int | None = None,
    ) -> None:
        self._node = bus.node
        self._peers = bus.node.discover()
        self._watch = watch
        self._interfaces = all_interfaces() if interfaces is None else interfaces
        self._port = discovery_port
        links = tuple((kind, port) for kind in kinds) if port else ()
        said = Announcement(bus.id, bus.public, links, tuple(services), bus.node.local.name)
        said.sequence = sequence_start() if sequence is None else sequence
        self._announcer = Announcer(said, now_ms(), ASK_BYTES)
        self._peers.own = said
        self._peers.own_hosts = {interface.address for interface in self._interfaces}
        self._lines: list[tuple[SerialPort, OnLine]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    # Commands

    def start(self) -> None:
        """Raises OSError when the port cannot be shared."""
        self._loop = asyncio.get_running_loop()
        self.ether = Ether(self._interfaces, self._port, self._hear, self._watch.stir)
        self._on_timer()

    def add_line(self, port: SerialPort) -> None:
        """Looks around on a serial line of the bus, too."""
        self._lines.append((port, port.announce(self._announcer.said, self._on_line_heard)))
        self._on_timer()

    def probe(self, host: str, port: int | None = None) -> None:
        """Asks one address, for networks that carry neither multicast nor broadcast.

        Raises LocalError(BAD_ARGUMENT) for what is no address.
        """
        check_host(host)
        self.ether.send(self._announcer.ask(), host, port or self._port)

    def static(self, public: bytes, kind: int, host: str, port: int) -> None:
        """A peer from the configuration: it is there to connect to without being heard of."""
        self._peers.know(public).fixed = (kind, host, port)

    def announce_soon(self) -> None:
        """What this node says has changed (it takes pairings now, or no more)."""
        self._announcer.announce_soon(now_ms())
        for _, line in self._lines:
            line.announce_soon(now_ms())
        self._on_timer()

    def stop(self) -> None:
        """Says goodbye and closes the sockets."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        self.ether.say(self._announcer.goodbye())
        for port, line in self._lines:
            line.say_goodbye()
            port.turn()
        self.ether.close()

    def __enter__(self) -> Discovery:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # Hearing

    def _hear(self, data: bytes, source: tuple[str, int]) -> None:
        heard = self._peers.receive_datagram(data, source, now_ms())
        answer = heard and heard[1] & FLAG_QUERY and self._announcer.answer(len(data))
        if answer:
            self.ether.send(answer, *source)

    def _on_line_heard(self) -> None:
        """An answer may wait until the line takes it."""
        self._loop.call_soon(self._on_timer)

    # Speaking

    def _on_timer(self) -> None:
        if self._stopped:
            return
        now = now_ms()
        due = now + _AGAIN_MS  # after a fault
        with Contained("discovery"):
            self._speak(now)
            due = self._deadline()
        self._watch.stir()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(due - now, 1) / 1000, self._on_timer)

    def _speak(self, now: int) -> None:
        self._say_whether_pairing(now)
        packet = self._announcer.poll_transmit(now)
        if packet is not None:
            self.ether.say(packet)
        self._announce_on_lines(now)
        self._node.handle_timer(now)

    def _deadline(self) -> int:
        due = [self._announcer.poll_timer(), *(line.poll_timer() for _, line in self._lines)]
        lapse = self._node.poll_timer()
        return int(min(due if lapse is None else [*due, lapse]))

    def _announce_on_lines(self, now: int) -> None:
        for port, line in self._lines:
            if line.poll_timer() <= now:
                line.handle_timer(now)
                port.turn()

    def _say_whether_pairing(self, now: int) -> None:
        self._announcer.said.flags = pairing_flags(self._node, now)
