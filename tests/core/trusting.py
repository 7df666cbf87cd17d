"""Two nodes that trust each other, or are about to, and a session between them."""

from dsoftbus.const import EV_OPENED, EV_PAIR_DIGITS, EV_PAIRED, SMALL
from dsoftbus.node import Node
from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import TrustStore
from simulated import SUITE
from support import Random


class Pair:
    """Two nodes and a session between them; `a` is the initiator."""

    def __init__(self, a: Node, b: Node, now: int = 0, psk=None):
        self.now = now
        self.nodes = (a, b)
        self.ends = (a.connect(b.public, now, psk=psk), b.accept(now))
        self.events = ([], [])
        self.run()

    def run(self) -> None:
        """Lets bytes flow until there are none; bounded."""
        out = bytearray(4096)
        for _ in range(50):
            moved = 0
            for here, there in ((0, 1), (1, 0)):
                n = self.ends[here].poll_transmit(out, self.now, 0)
                self.ends[there].receive_data(out[:n], self.now)
                moved += n
            self._collect()
            if not moved:
                return
        raise AssertionError("no end of talking")

    def _collect(self) -> None:
        for end, events in zip(self.ends, self.events):
            event = end.next_event()
            while event is not None:
                events.append(event)
                event = end.next_event()

    def seen(self, side: int, kind: int) -> bool:
        return kind in [event.kind for event in self.events[side]]

    def stream(self, side: int):
        """The last stream that the peer of `side` opened here."""
        return [e.stream for e in self.events[side] if e.kind == EV_OPENED][-1]


def node(seed: int, name: str, grants=("allow in *", "allow out *"), profile=SMALL) -> Node:
    random = Random(seed)
    guard = Guard(TrustStore(profile), random, lambda: 1700000000, [grant(g) for g in grants])
    return Node({1: SUITE}, SUITE.keypair(bytes((seed,)) * 32), random, profile, name, guard=guard)


def told(at: Node) -> list:
    """The kinds of the node's events since the last look."""
    return [event.kind for event in all_events(at)]


def all_events(at: Node) -> list:
    found = []
    event = at.next_event()
    while event is not None:
        found.append(event)
        event = at.next_event()
    return found


def digits(at: Node) -> str:
    (shown,) = [e.about.pairing.digits for e in all_events(at) if e.kind == EV_PAIR_DIGITS]
    return shown


def paired(a: Node, b: Node) -> Pair:
    """A session in which both have paired."""
    b.guard.desk.open(0)
    both = Pair(a, b)
    a.guard.pair(both.ends[0], 0)
    both.run()
    for at in (a, b):
        at.guard.confirm(digits(at))
    both.run()
    assert EV_PAIRED in told(a)
    assert EV_PAIRED in told(b)
    return both
