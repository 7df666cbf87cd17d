"""Announcements of many nodes, and a table of peers that hears them."""

from dsoftbus.const import LINK_STREAM, SMALL
from dsoftbus.discovery.announce import Announcement
from dsoftbus.discovery.peers import Peers
from dsoftbus.identity import device_id

OWN = device_id(bytes(32))
HERE = ("192.0.2.7", 37020)
THERE = ("192.0.2.66", 37020)


def key(n: int) -> bytes:
    return bytes((n >> 8, n & 0xFF)) + bytes(30)


def packet(n: int, sequence: int = 1, lifetime_s: int = 60, version: int = 2) -> bytes:
    said = Announcement(device_id(key(n)), key(n), ((LINK_STREAM, 4000 + n),), version=version)
    if version == 2:
        said.sequence = sequence
        said.lifetime_s = lifetime_s
        said.name = "n%d" % n
    return said.encode()


def table(vouched=None) -> Peers:
    return Peers(SMALL, OWN, vouched)


def dropped(peers: Peers, code: int) -> int:
    return peers.drops.get(code, 0)
