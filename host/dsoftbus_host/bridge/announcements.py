"""A bridge announces the board on the network, and the nodes of the network to the board.

The board's announcement goes out as it is, but with the bridge's own port for a link: id and key
are the board's, so that only the board can answer for them. A node that can be reached by UDP is
announced to the board on the channel that leads there.
"""

from __future__ import annotations

from typing import NamedTuple

from dsoftbus.base.token_bucket import TokenBucket
from dsoftbus.const import HOST, KEY_BYTES, LINK_DATAGRAM, U30_MAX
from dsoftbus.discovery.announce import FLAG_QUERY, Announcement, decode
from dsoftbus.discovery.announcer import ASK_BYTES, Announcer
from dsoftbus.discovery.padding import padded, within
from dsoftbus.discovery.peers import Peer, Peers
from dsoftbus.errors import PeerError
from dsoftbus.identity import device_id

NEWS = 4  # announcements to the board in a second: a twentieth of a cable of 115200 baud
NEWS_MAX = 64  # nodes whose announcement waits for its turn,
NEWS_HOST = 16  # and of one host: others are heard of, too
_SECOND_MS = 1000
# The bridge asks the board who it is in the name of nobody: no one has the secret of this key.
NOBODY = bytes(KEY_BYTES)


class News(NamedTuple):
    """An announcement for the board of a node on the network: `packet`, and the node's
    `address`."""

    address: tuple[str, int]
    lifetime_ms: int
    packet: bytes


class Announcements:
    """`port` is the bridge's UDP port, `mtu` the line's, `sequence` where its own announcements
    begin to count. `board` is what the board last said of itself, or None."""

    def __init__(self, port: int, mtu: int, sequence: int, now: int) -> None:
        self.board: Announcement | None = None
        self.dropped = 0  # announcements of the board that were none
        self._port = port
        self._mtu = mtu
        self._expires = now
        self._peers: Peers | None = None
        self._news: dict[str, News] = {}
        self._pace = TokenBucket(NEWS, _SECOND_MS)
        said = Announcement(device_id(NOBODY), NOBODY, (), (), "bridge")
        said.sequence = sequence
        self._asking = Announcer(said, now)

    # Inputs

    def from_board(self, data: bytes, now: int) -> bytes | None:
        """Takes the board's announcement; what the network is to hear of it, or None."""
        try:
            said = decode(data)
        except PeerError:
            self.dropped += 1
            return None
        if said.version != 2 or said.id != device_id(said.public):
            self.dropped += 1
            return None
        if self.board is None or self.board.id != said.id:
            self._peers = Peers(HOST, said.id)
            self._news.clear()
            said.flags |= FLAG_QUERY  # so that the bridge hears at once who is there
        said.links = ((LINK_DATAGRAM, self._port),)
        packet: bytes = padded(said, ASK_BYTES) if said.flags & FLAG_QUERY else said.encode()
        said.flags &= ~FLAG_QUERY
        self.board = said if said.lifetime_s else None
        self._expires = now + said.lifetime_s * 1000
        return packet

    def from_network(self, data: bytes, source: tuple[str, int], now: int) -> bytes | None:
        """Takes an announcement from the network; the answer to it, if it asks for one."""
        if self._peers is None or self.board is None:
            return None
        heard = self._peers.receive_datagram(data, source, now)
        if heard is None:
            return None
        peer, flags = heard
        if peer is not None:
            self._note(peer, now)
        # The same packet again, not a new one: only the board counts its announcements.
        if not flags & FLAG_QUERY:
            return None
        answer: bytes | None = within(self.board, self.board.encode(), len(data))
        return answer

    def _note(self, peer: Peer, now: int) -> None:
        news = self._news_of(peer, now)
        if news is not None and (peer.id in self._news or self._has_place(news.address[0])):
            self._news[peer.id] = news

    def gone(self, now: int) -> bytes | None:
        """The board is out of reach, or the bridge ends: what the network is to hear, if that."""
        said, self.board = self.board, None
        self._news.clear()
        if said is None:
            return None
        said.sequence = (said.sequence + 1) & int(U30_MAX)
        said.lifetime_s = 0
        return bytes(said.encode())

    def plugged(self, now: int) -> None:
        """There is a cable: asks who is at the other end."""
        self._asking = Announcer(self._asking.said, now)

    def handle_timer(self, now: int) -> bytes | None:
        """Call it every second or so. A board that has not been heard of within its lifetime is
        gone: what the network is to hear then."""
        if self._peers is not None:
            self._peers.handle_timer(now)
            while self._peers.next_event() is not None:
                pass  # whom the board hears of, it ages itself
        return self.gone(now) if self.board is not None and now >= self._expires else None

    # Outputs

    def next_question(self, now: int) -> bytes | None:
        """The bridge's own announcement, for channel 0, when one is due."""
        packet: bytes | None = self._asking.poll_transmit(now)
        return packet

    def next_news(self, now: int) -> News | None:
        """The next announcement for the board, at the pace that leaves the cable to others."""
        if not self._news or not self._pace.take(now):
            return None
        return self._news.pop(next(iter(self._news)))

    def _has_place(self, host: str) -> bool:
        own = sum(news.address[0] == host for news in self._news.values())
        return len(self._news) < NEWS_MAX and own < NEWS_HOST

    def _news_of(self, peer: Peer, now: int) -> News | None:
        ports = [port for kind, port in peer.links if kind == LINK_DATAGRAM]
        if not ports or peer.source is None or peer.sequence < 0:
            return None
        said = Announcement(peer.id, peer.public, (), peer.services, peer.name)
        said.sequence = peer.sequence
        said.lifetime_s = (peer.expires - now) // 1000 if peer.online else 0
        said.flags = peer.flags & ~FLAG_QUERY
        packet = said.encode()
        if len(packet) > self._mtu:
            said.services = ()
            packet = said.encode()
        return News((peer.source[0], ports[0]), peer.expires - now, packet)
