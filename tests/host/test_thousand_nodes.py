"""A thousand nodes in virtual time, on the limits of a host: all are found, and all stay."""

import random

from dsoftbus.const import EV_ONLINE, HOST, LINK_STREAM
from dsoftbus.discovery.announce import Announcement
from dsoftbus.discovery.announcer import Announcer
from dsoftbus.discovery.peers import Peers
from dsoftbus.errors import ANNOUNCE_RATE
from dsoftbus.identity import device_id

NODES = 1000
START_MS = 100_000  # over which they are switched on
END_MS = 400_000  # four lifetimes later


def packets() -> list:
    """(ms, packet, source) of all nodes, in the order of their times."""
    chance = random.Random(1)
    sent = []
    for n in range(NODES):
        public = chance.randbytes(32)
        now = chance.randrange(START_MS)
        said = Announcement(device_id(public), public, ((LINK_STREAM, 37020),), (), f"n{n}")
        node = Announcer(said, now)
        while now < END_MS:
            sent.append((now, node.poll_transmit(now), (f"10.0.{n >> 8}.{n & 255}", 37020)))
            now = node.poll_timer()
    return sorted(sent)


def test_a_thousand_strangers_are_found_and_stay():
    peers = Peers(HOST, "own")
    came, went = [], []
    look = 0
    for now, data, source in packets():
        peers.receive_datagram(data, source, now)
        if now >= look:
            peers.handle_timer(now)
            look = now + 2000
        while (event := peers.next_event()) is not None:
            (came if event.kind == EV_ONLINE else went).append(event.peer)
    assert len(set(came)) == NODES
    assert (len(came), went) == (NODES, [])
    assert set(peers.drops) <= {ANNOUNCE_RATE}
