"""A bridge on asyncio's loop: a cable, a UDP socket for sessions, and the sockets of discovery."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from dsoftbus.const import DISCOVERY_PORT, HOST, SUITE_CHACHA_SHA256
from dsoftbus.discovery.announce import MAGIC
from dsoftbus.line.line import NEIGHBOUR
from dsoftbus_host import crypto
from dsoftbus_host.bridge.announcements import Announcements
from dsoftbus_host.bridge.channel_table import LIVE
from dsoftbus_host.bridge.relay import Relay
from dsoftbus_host.clock import now_ms, sequence_start
from dsoftbus_host.contained import Contained
from dsoftbus_host.discovery.interfaces import Interface, all_interfaces
from dsoftbus_host.discovery.multicast import Multicast
from dsoftbus_host.event_loop import running_loop
from dsoftbus_host.links.reopening_port import BAUD, ReopeningPort
from dsoftbus_host.links.udp import UdpLink

_READS = 64  # datagrams that one turn of the loop takes from a socket
_TICK_MS = 1000
_NETWORK = "network would not"  # why a datagram of the board was dropped
_NO_ANNOUNCEMENT = "no announcement"  # the same


class Status(NamedTuple):
    """The status of a bridge: `name` and `id` of the board are "" while there is none."""

    path: str
    port: int
    plugged: bool
    name: str
    id: str
    live: int  # addresses that the board talks with
    known: int  # addresses with a channel
    to_board: int  # datagrams
    from_board: int
    waiting: int
    cookies_asked: int
    drops: Counter[str]


class Bridge:
    """Leads to the board at the serial port `path`, from a UDP port of this host, and back.

    Make it on a running loop, and `close()` it. `on_change()` is called when a board is there or
    gone. Raises OSError where there is no such port, or the address is taken.
    """

    def __init__(
        self,
        path: str,
        baud: int = BAUD,
        host: str = "0.0.0.0",
        port: int = 0,
        interfaces: list[Interface] | None = None,
        discovery_port: int = DISCOVERY_PORT,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self._on_change = on_change or _nothing
        self._loop = running_loop()
        spoken = all_interfaces() if interfaces is None else interfaces
        with contextlib.ExitStack() as unless_all:
            self._cable = ReopeningPort(path, baud, HOST, self._on_line, self._on_plug)
            unless_all.callback(self._cable.close)
            self._udp = UdpLink(_bound(host, port))
            unless_all.callback(self._udp.close)
            self._multicast = Multicast(spoken, discovery_port, self._on_announcement, self._turn)
            unless_all.pop_all()
        self.port = int(self._udp.socket.getsockname()[1])
        mtu = self._cable.link.mtu
        self._buffer = bytearray(self._udp.mtu + 1)  # one more, so that a longer datagram shows
        self._relay = Relay(crypto.suite(SUITE_CHACHA_SHA256), os.urandom, mtu)
        self._announcements = Announcements(self.port, mtu, sequence_start(), now_ms())
        self._contained = Contained(f"the bridge to {path}")
        self._held: tuple[bytes, int] | None = None  # what the line has not taken yet
        self._writing = False
        self._tick_at = now_ms()
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._udp.fileno(), self._on_network)
        self._turn()

    @property
    def status(self) -> Status:
        now, relay, board = now_ms(), self._relay, self._announcements.board
        return Status(
            self._cable.path,
            self.port,
            self._cable.there,
            board.name if board else "",
            board.id if board else "",
            sum(way.rank(now) == LIVE for way in relay.channels),
            len(relay.channels),
            relay.to_board,
            relay.from_board,
            relay.waiting,
            relay.cookies_asked,
            relay.drops + Counter({_NO_ANNOUNCEMENT: self._announcements.dropped}),
        )

    def close(self) -> None:
        """The network hears that the board is out of reach."""
        if self._udp.fileno() < 0:
            return
        self._say(self._announcements.gone(now_ms()))
        if self._timer is not None:
            self._timer.cancel()
        self._unwatch_writing()
        self._loop.remove_reader(self._udp.fileno())
        self._multicast.close()
        self._udp.close()
        self._cable.close()

    # From the network

    def _on_network(self) -> None:
        now = now_ms()
        for _ in range(_READS):
            try:
                got = self._udp.recvfrom_into(self._buffer)
            except OSError:
                continue  # a datagram of before could not be delivered
            if got is None:
                break
            with self._contained:
                self._from_network(bytes(self._buffer[: got[0]]), got[1], now)
        self._turn()

    def _from_network(self, data: bytes, address: Any, now: int) -> None:
        answer = self._relay.from_network(data, address, now)
        if answer is not None:
            self._send(answer, address)

    def _on_announcement(self, data: bytes, source: tuple[str, int]) -> None:
        answer = self._announcements.from_network(data, source, now_ms())
        if answer is not None:
            self._multicast.send(answer, *source)

    # From the board

    def _on_line(self) -> None:
        with self._contained:
            self._read_line()
        self._turn()

    def _read_line(self) -> None:
        link = self._cable.link
        link.now = now = now_ms()
        got = link.recvfrom_into(self._buffer)
        while got is not None:
            with self._contained:
                self._from_line(bytes(self._buffer[: got[0]]), got[1], now)
            got = link.recvfrom_into(self._buffer)

    def _from_line(self, data: bytes, channel: int, now: int) -> None:
        if data[:1] == MAGIC[:1]:
            if channel == NEIGHBOUR:
                was = self._announcements.board
                self._say(self._announcements.from_board(data, now))
                self._tell(was)
            return
        address = self._relay.from_line(data, channel, now)
        if address is not None:
            self._send(data, address)

    def _send(self, data: bytes, address: Any) -> None:
        try:
            taken = self._udp.sendto(bytearray(data), len(data), address)
        except OSError:
            taken = False
        if not taken:
            self._relay.drops[_NETWORK] += 1

    def _say(self, packet: bytes | None) -> None:
        if packet is not None:
            self._multicast.say(packet)

    def _tell(self, was: Any) -> None:
        """Lets the program know when another board is there than before, or none."""
        board = self._announcements.board
        if (board and board.id) != (was and was.id):
            with self._contained:
                self._on_change()

    # The cable

    def _on_plug(self, there: bool) -> None:
        was = self._announcements.board
        if there:
            self._announcements.plugged(now_ms())
        else:
            self._unwatch_writing()
            self._relay.clear()
            self._held = None
            self._say(self._announcements.gone(now_ms()))
        self._tell(was)
        self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """Moves to the board all that can move; then sets the timer."""
        now = now_ms()
        with self._contained:
            self._move(now)
        self._arm(now)

    def _move(self, now: int) -> None:
        link = self._cable.link
        link.now = now
        if now >= self._tick_at:
            with self._contained:
                self._tick(now)
        link.handle_timer(now)
        while self._feed(now) | link.flush():
            pass
        self._cable.check()
        if link.blocked != self._writing:
            self._watch_writing()

    def _feed(self, now: int) -> bool:
        """Gives the line one datagram; False when there is none, or it takes none now."""
        if self._held is None and self._cable.there:
            self._held = self._next(now)
        if self._held is None:
            return False
        data, channel = self._held
        if not self._cable.link.sendto(data, len(data), channel):
            return False
        self._held = None
        return True

    def _next(self, now: int) -> tuple[bytes, int] | None:
        question = self._announcements.next_question(now)
        if question is not None:
            return question, NEIGHBOUR
        news = self._announcements.next_news(now)
        if news is not None:
            channel = self._relay.announced(news.address, news.lifetime_ms, now)
            if channel:
                return news.packet, channel
        return self._relay.next_for_line()

    def _tick(self, now: int) -> None:
        self._tick_at = now + _TICK_MS
        self._relay.handle_timer(now)
        was = self._announcements.board
        self._say(self._announcements.handle_timer(now))
        self._tell(was)

    def _arm(self, now: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at = max(self._tick_at, now + 1)
        with self._contained:
            line_at = self._cable.link.poll_timer()
            at = at if line_at is None else min(at, line_at)
        self._timer = self._loop.call_later(max(at - now, 1) / 1000, self._on_line)

    def _watch_writing(self) -> None:
        self._unwatch_writing()
        if self._cable.link.blocked and self._cable.there:
            self._writing = True
            self._loop.add_writer(self._cable.fileno(), self._turn)

    def _unwatch_writing(self) -> None:
        if self._writing and self._cable.there:
            self._loop.remove_writer(self._cable.fileno())
        self._writing = False


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _nothing() -> None:
    """Nobody wants to know."""
