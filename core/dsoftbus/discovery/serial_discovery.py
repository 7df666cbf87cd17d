"""Announcements on a serial line: who is at the other end, or behind it (docs/wire-format.md).

Stands between a datagram pump and its line link, as the pump's link. A datagram that begins like
an announcement is one; everything else is the pump's.
"""

from dsoftbus.const import LINK_LINE
from dsoftbus.discovery.announce import FLAG_QUERY, MAGIC
from dsoftbus.discovery.announcer import Announcer
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.line.line import NEIGHBOUR

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Buffer
    from dsoftbus.discovery.announce import Announcement
    from dsoftbus.discovery.peers import Peers
    from dsoftbus.line.line_link import LineLink


_RETRY_MS = 20  # while the line is busy with a datagram
_FIXED_2 = 44  # offset of the flags behind an empty id


class OnLine:
    """`said` is the node's own Announcement. `peers`, a table of peers, hears the others, as from
    (LINK_LINE, `port`, channel); without one the node only lets itself be found.

    `on_heard()` is called after each announcement: there may be events, and an answer to give.
    Raises LocalError(BAD_ARGUMENT) where `said` is longer than the line's datagrams.
    """

    def __init__(
        self,
        link: "LineLink",
        said: "Announcement",
        now: int,
        peers: "Peers | None" = None,
        port: str = "",
        on_heard: "Callable[[], object] | None" = None,
    ) -> None:
        self.mtu = link.mtu
        if len(said.encode()) > link.mtu:
            raise LocalError(BAD_ARGUMENT, "announcement of at most %d bytes" % link.mtu)
        self._link = link
        self._said = said
        self._peers = peers
        if peers is not None:
            peers.own = said
        self._port = port
        self._on_heard = on_heard
        self._packet = b""  # what the line has not taken yet, for the channel
        self._channel = NEIGHBOUR
        self._retry_at = 0
        self.restart(now)

    def restart(self, now: int) -> None:
        """The line was plugged in: asks who is there."""
        self._announcer = Announcer(self._said, now)

    # The link of a datagram pump

    def recvfrom_into(self, buffer: "Buffer") -> tuple[int, int] | None:
        got = self._link.recvfrom_into(buffer)
        while got is not None and got[0] and buffer[0] == MAGIC[0]:
            self._hear(bytes(memoryview(buffer)[: got[0]]), got[1])
            got = self._link.recvfrom_into(buffer)
        return got

    def sendto(self, buffer: "Buffer", n: int, channel: int) -> bool:
        return self._link.sendto(buffer, n, channel)

    def close(self) -> None:
        self._link.close()

    # Announcements

    def announce_soon(self, now: int) -> None:
        """Announces soon, for the node's announcement has changed."""
        self._announcer.announce_soon(now)

    def say_goodbye(self) -> None:
        self._say(self._announcer.goodbye(), NEIGHBOUR)

    def poll_timer(self) -> int:
        """Returns when `handle_timer` is due, in ms."""
        return self._retry_at if self._packet else self._announcer.poll_timer()

    def handle_timer(self, now: int) -> None:
        """Gives the line what is to be said. The port's turn follows."""
        packet = self._announcer.poll_transmit(now)
        if packet is not None:
            self._say(packet, NEIGHBOUR)
        self._retry_at = now + _RETRY_MS
        self._flush()

    def _hear(self, data: bytes, channel: int) -> None:
        if self._asks(data, channel):
            self._say(self._announcer.answer(), channel)  # type: ignore[arg-type] # no bound, no None
        if self._on_heard:
            self._on_heard()

    def _asks(self, data: bytes, channel: int) -> bool:
        if self._peers is None:
            at = _FIXED_2 + data[5] if len(data) > 5 else len(data)
            return at < len(data) and data[at] & FLAG_QUERY > 0
        heard = self._peers.receive_datagram(
            data, (LINK_LINE, self._port, channel), self._link.now
        )
        return heard is not None and heard[1] & FLAG_QUERY > 0

    def _say(self, packet: bytes, channel: int) -> None:
        """Replaces a packet that the line has not taken: the newer one says as much."""
        self._packet = packet
        self._channel = channel
        self._flush()

    def _flush(self) -> None:
        if self._packet and self._link.sendto(self._packet, len(self._packet), self._channel):
            self._packet = b""
