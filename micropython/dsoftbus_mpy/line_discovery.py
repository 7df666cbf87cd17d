"""Discovery over a serial line on MicroPython: who is at the other end, or behind a bridge."""

import asyncio

from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus.discovery.announce import Announcement, pairing_flags
from dsoftbus.discovery.on_line import OnLine
from dsoftbus.errors import END_HANDSHAKE_TIMEOUT, END_LOCAL, PeerError
from dsoftbus.link.line import NEIGHBOUR

_LOOK_MS = 1000  # how late a lifetime may be noticed to have passed


class LineDiscovery:
    """Lets `bus` be found over `port`, a `serial.SerialPort` of it.

    It finds others, too, where the node keeps a table of peers (`bus.node.discover()`, before).
    `sequence` is where its announcements begin to count: see `starts`; a node that announces
    itself on other links as well has one count for all: `said` of `discovery.Discovery`.
    """

    def __init__(self, bus, port, sequence: int = 0, services=(), watch=None, said=None):
        self._bus = bus
        self._port = port
        self._watch = watch
        if said is None:
            said = Announcement(bus.id, bus.public, (), services, bus.node.local.name)
            said.sequence = sequence
        self.said = said
        self._line = port.overhear(self._make)
        self._task = bus.drive(self._speak)

    def _make(self, link) -> OnLine:
        return OnLine(link, self.said, self._bus.now(), self._bus.node.peers, "", self._stir)

    async def connect(
        self, peer_public: bytes, channel: int = NEIGHBOUR, timeout_ms: int = 20000, psk=None
    ):
        """A session with the node on `channel` whose public key is `peer_public`, or BusError;
        in the table of peers `Peer.line` has the channel."""
        session = self._port.endpoint.connect(
            channel, peer_public, self._bus.now(), SUITE_CHACHA_SHA256, psk
        )
        connection = self._port.adopt(session)
        self._port.turn()
        try:
            await asyncio.wait_for_ms(connection.established(), timeout_ms)
        except (asyncio.CancelledError, asyncio.TimeoutError) as error:
            connection.abort(END_LOCAL)
            if isinstance(error, asyncio.TimeoutError):
                raise PeerError(END_HANDSHAKE_TIMEOUT, "channel %d" % channel)
            raise
        return connection

    def announce_soon(self) -> None:
        """What this node says has changed (it takes pairings now, or no more)."""
        self._line.announce_soon(self._bus.now())

    def stop(self) -> None:
        """Says goodbye."""
        self._task.cancel()
        self._line.say_goodbye()
        self._port.turn()

    def _stir(self) -> None:
        if self._watch is not None:
            self._watch.stir()

    async def _speak(self) -> None:
        now = self._bus.now()
        self.said.flags = pairing_flags(self._bus.node, now)
        self._line.handle_timer(now)
        self._port.turn()
        self._bus.node.handle_timer(now)
        self._stir()
        wait_ms = self._line.poll_timer() - now
        await asyncio.sleep_ms(max(min(wait_ms, _LOOK_MS), 1))
