"""One transfer under a scenario, watched as it goes."""

from dsoftbus.const import ANYONE, EV_ESTABLISHED, EV_OPENED, EV_READABLE, EV_WRITABLE, HOST
from dsoftbus.packet.drop_labels import labelled
from dsoftbus_sim.network import Network
from dsoftbus_sim.node import SimNode
from dsoftbus_sim.scenarios import CUT, MOVES
from dsoftbus_sim.world import World

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.crypto.suite import Suite
    from dsoftbus.mux.events import Event
    from dsoftbus.mux.stream import Stream
    from dsoftbus.session.datagram_session import DatagramSession
    from dsoftbus_sim.scenarios import Scenario


STEP_MS = 10  # from sample to sample: shorter than any round trip here
LIMIT_MS = 600000  # of virtual time; a transfer that takes longer has failed
_PERIOD = bytes(range(251))  # a prime: a piece that is lost, doubled or misplaced shows
_PIECE = 16384


class Trial:
    """`size` bytes go one way, from node to node; `run` lets them.

    `samples` are (ms since the beginning, bytes that have arrived, segments sent again, congestion
    window in bytes), one each STEP_MS; `marks` (ms, what happened) the scenario's plan.
    """

    def __init__(
        self,
        scenario: "Scenario",
        suites: "dict[int, Suite]",
        seed: int,
        size: int,
        loss: int | None = None,
    ) -> None:
        self.world = World(seed)
        self.network = Network(self.world, scenario.faults(loss))
        self.samples: list[tuple[int, int, int, int]] = []
        self.marks: list[tuple[int, str]] = []
        self.size = size
        self.received = 0
        self.intact = True  # what has arrived is what was sent
        self._sent = 0
        self._plan = scenario.plan
        self._begun_ms = 0
        mtu = scenario.mtu
        self._near, self._far = (
            SimNode(self.network, suites, HOST, self._on_event, mtu=mtu, allowed=ANYONE)
            for _ in range(2)
        )
        self.session = self._near.connect(self._far)

    def run(self) -> bool:
        """Runs until all has arrived, or LIMIT_MS; returns whether it has, unchanged."""
        done = self.world.run(LIMIT_MS, self._is_done)
        if self.session.reliable is not None:
            self._note()
        return done and self.intact

    @property
    def elapsed_ms(self) -> int:
        """The time since the session was established."""
        return self.world.now_ms - self._begun_ms

    def drops(self) -> dict[str, int]:
        """Label -> count, of both nodes."""
        both = labelled(self._near.endpoint.drops)
        for label, n in labelled(self._far.endpoint.drops).items():
            both[label] = both.get(label, 0) + n
        return both

    def _is_done(self) -> bool:
        return self.received >= self.size

    # The program on both nodes

    def _on_event(self, node: SimNode, session: "DatagramSession", event: "Event") -> None:
        if event.kind == EV_ESTABLISHED and session.initiator:
            self._begin(session)
        elif event.kind == EV_OPENED:
            event.stream.accept()  # type: ignore[union-attr] # its kind says that it has one
        elif event.kind == EV_WRITABLE:
            self._push(event.stream)  # type: ignore[arg-type] # as above
        elif event.kind == EV_READABLE:
            self._pull(event.stream)  # type: ignore[arg-type] # as above

    def _begin(self, session: "DatagramSession") -> None:
        self._begun_ms = self.world.now_ms
        for at_ms, what in self._plan:
            self.world.after_ms(at_ms, lambda what=what: self._happens(what))
        self._sample()
        self._push(session.open("bulk"))

    def _push(self, stream: "Stream") -> None:
        while self._sent < self.size:
            n = stream.send(self._piece(self._sent, min(_PIECE, self.size - self._sent)))
            if not n:
                return
            self._sent += n

    def _pull(self, stream: "Stream") -> None:
        while stream.readable:
            data = stream.recv(_PIECE)
            self.intact = self.intact and data == self._piece(self.received, len(data))
            self.received += len(data)

    def _piece(self, at: int, n: int) -> bytes:
        at %= len(_PERIOD)
        return (_PERIOD * ((at + n) // len(_PERIOD) + 1))[at : at + n]

    # What is written down

    def _happens(self, what: str) -> None:
        if self._is_done():
            return
        self.marks.append((self.elapsed_ms, what))
        if what == MOVES:
            self.network.move(self._near.link)
        else:
            self.network.part(self._near.address, self._far.address, what == CUT)

    def _sample(self) -> None:
        self._note()
        if not self._is_done() and not self.session.closed:
            self.world.after_ms(STEP_MS, self._sample)

    def _note(self) -> None:
        reliable: Any = self.session.reliable  # over a network its congestion control is NewReno
        window = reliable.congestion.window
        self.samples.append((self.elapsed_ms, self.received, reliable.segments_resent, window))
