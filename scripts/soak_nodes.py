"""Many nodes in one simulated network: `soak_nodes.py NODES`.

Each begins a session with its neighbour in a ring, over paths that lose 2 % of what they carry,
and says its id there; then all stay for a minute, with keepalives. The figures are of this
process: CPU time and memory of each node.
"""

import resource
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
for folder in ("core", "host"):
    sys.path.insert(0, str(ROOT / folder))

from dsoftbus.const import (  # noqa: E402 - the roots must be known first
    ANYONE,
    EV_ESTABLISHED,
    EV_OPENED,
    EV_READABLE,
    SMALL,
)
from dsoftbus_host import crypto  # noqa: E402
from dsoftbus_sim.faults import Faults  # noqa: E402
from dsoftbus_sim.network import Network  # noqa: E402
from dsoftbus_sim.node import SimNode  # noqa: E402
from dsoftbus_sim.world import World  # noqa: E402

BEGIN_MS = 30_000
STAY_MS = 60_000


class Ring:
    """So many nodes; `said` are the ids that have arrived."""

    def __init__(self, count: int) -> None:
        self.world = World(1)
        network = Network(self.world, Faults(latency_ms=5, loss=20))
        self.said: set[str] = set()
        suites = {1: crypto.suite(1)}
        self.nodes = [
            SimNode(network, suites, SMALL, self._on_event, allowed=ANYONE) for _ in range(count)
        ]
        for n, node in enumerate(self.nodes):
            node.connect(self.nodes[n - 1])

    def _on_event(self, node: SimNode, session: Any, event: Any) -> None:
        if event.kind == EV_ESTABLISHED and session.initiator:
            stream = session.open("hello")
            stream.send(node.node.id.encode())
            stream.finish()
        elif event.kind == EV_OPENED:
            event.stream.accept()
        elif event.kind == EV_READABLE and not event.stream.at_end:
            self.said.add(event.stream.recv(100).decode())

    @property
    def whole(self) -> bool:
        """Tells whether every node has a session with both of its neighbours, and was heard."""
        live = all(len(node.node.placed()) == 2 for node in self.nodes)
        return live and len(self.said) == len(self.nodes)


def main(count: int) -> None:
    begun = time.process_time()
    ring = Ring(count)
    ring.world.run(BEGIN_MS)
    met = time.process_time()
    ring.world.run(STAY_MS)
    stayed = time.process_time()
    if not ring.whole:
        sys.exit(f"{len(ring.said)} of {count} nodes were heard, or some sessions have ended")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / count
    print(f"{count} nodes, {count} sessions, {memory:.0f} KB of each node")
    print(f"{(met - begun) / count * 1e3:.2f} ms of CPU time for a node to begin")
    print(f"{(stayed - met) / count * 1e3:.2f} ms for a minute of it")


if __name__ == "__main__":
    main(int(sys.argv[1]))
