"""Flows of bulk that share one bottleneck: who gets how much of it, and how long its queue is."""

from dsoftbus.const import ANYONE, EV_ESTABLISHED, EV_OPENED, EV_READABLE, EV_WRITABLE
from dsoftbus_sim.network import Network, Path
from dsoftbus_sim.node import SimNode
from dsoftbus_sim.world import World

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Profile
    from dsoftbus.crypto.suite import Suite
    from dsoftbus.mux.events import Event
    from dsoftbus.mux.stream import Stream
    from dsoftbus.session.datagram_session import DatagramSession
    from dsoftbus_sim.faults import Faults


SAMPLE_MS = 7  # from look to look at the queue; no part of any round trip here
_PIECE = bytes(32768)


class Bottleneck:
    """A network where what `join` names goes through one path with `faults`."""

    def __init__(self, seed: int, faults: "Faults") -> None:
        self.world = World(seed)
        self.network = Network(self.world, faults)
        self.path = Path(self.world, faults)
        self.waits_ms: list[int] = []  # of the queue, since `watch`

    def join(self, source: int, destination: int) -> None:
        self.network.lead(source, destination, self.path)

    def flow(self, suites: "dict[int, Suite]", profile: "Profile") -> "Flow":
        """A flow that sends from now on, as congestion control of `profile` lets it."""
        flow = Flow(self.network, suites, profile)
        self.join(flow.near.address, flow.far.address)
        flow.begin()
        return flow

    def watch(self) -> None:
        """Writes down from now on how long the queue is."""
        self.waits_ms.append(self.path.wait_us // 1000)
        self.world.after_ms(SAMPLE_MS, self.watch)


class Flow:
    """Two nodes, and one stream that carries as much as it can; `received` counts bytes."""

    def __init__(self, network: "Network", suites: "dict[int, Suite]", profile: "Profile") -> None:
        self.received = 0
        self.near, self.far = (
            SimNode(network, suites, profile, self._on_event, allowed=ANYONE) for _ in range(2)
        )

    def begin(self) -> None:
        self.near.connect(self.far)

    def _on_event(self, node: SimNode, session: "DatagramSession", event: "Event") -> None:
        if event.kind == EV_ESTABLISHED and session.initiator:
            self._push(session.open("bulk"))
        elif event.kind == EV_OPENED:
            event.stream.accept()  # type: ignore[union-attr] # its kind says that it has one
        elif event.kind == EV_WRITABLE:
            self._push(event.stream)  # type: ignore[arg-type] # as above
        elif event.kind == EV_READABLE:
            self._pull(event.stream)  # type: ignore[arg-type] # as above

    def _push(self, stream: "Stream") -> None:
        while stream.send(_PIECE):
            pass

    def _pull(self, stream: "Stream") -> None:
        while stream.readable:
            n = len(stream.peek())
            stream.drop(n)
            self.received += n


def share(
    bottleneck: Bottleneck,
    flows: "list[Callable[[], int]]",
    settle_ms: int,
    ms: int,
) -> tuple[float, float]:
    """(part of the first flow in what all carry, what all carry in bytes a ms), over `ms` after
    `settle_ms`. A flow is a function that says what it has received so far."""
    bottleneck.world.run(settle_ms)
    before = [received() for received in flows]
    bottleneck.watch()
    bottleneck.world.run(ms)
    got = [received() - base for received, base in zip(flows, before)]
    return got[0] / sum(got), sum(got) / ms
