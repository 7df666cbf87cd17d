"""A node in the simulation: all that a backend supplies, in one page."""

from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.node import Node
from dsoftbus_sim.chance import Chance

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Allowed, Any, Profile
    from dsoftbus.crypto.suite import Suite
    from dsoftbus.mux.events import Event
    from dsoftbus.session.datagram_session import DatagramSession
    from dsoftbus_sim.network import Network


class SimNode:
    """Entropy and identity from the world's seed, timers from its clock, one datagram link.

    `suites` as in `NodeConfig`; `on_event(node, session, event)` is the program's; `allowed` as in
    `Node`: without it nobody may begin a session here.
    """

    KIND = Node

    def __init__(
        self,
        network: "Network",
        suites: "dict[int, Suite]",
        profile: "Profile",
        on_event: "Callable[[SimNode, DatagramSession, Event], object]",
        name: str = "",
        mtu: int = 1200,
        allowed: "Allowed | None" = None,
        line: bool = False,
    ) -> None:
        self.world = network.world
        random = Chance(self.world.chance.below(1 << 30))
        static = suites[SUITE_CHACHA_SHA256].keypair(random(32))
        self.node = self.KIND(suites, static, random, profile, name, allowed=allowed)
        self.ports: list[SimPort] = []
        self.node.links = self.ports
        self._on_event = on_event
        port = self.attach(network, mtu, line)
        self.link = port.link
        self.endpoint = port.endpoint

    def attach(self, network: "Network", mtu: int = 1200, line: bool = False) -> "SimPort":
        """One more link of this node, to `network`; `line`: a cable, as far as sessions see."""
        port = SimPort(self, network, mtu, line)
        self.ports.append(port)
        return port

    @property
    def address(self) -> int:
        return self.link.address

    def connect(self, other: "SimNode", suite: int = SUITE_CHACHA_SHA256) -> "DatagramSession":
        """A session to the node `other`."""
        now = self.world.now_ms
        session = self.endpoint.connect(other.address, other.node.public, now, suite)
        self.turn()
        return session

    def turn(self) -> None:
        """It is to be called after every command; the link and the timer call it by themselves."""
        for port in self.ports:
            port.turn()

    def tell(self, session: "DatagramSession", event: "Event") -> None:
        """Tells the program."""
        self._on_event(self, session, event)


class SimPort:
    """Drives one link of `node`: a port, as `dsoftbus.session.elsewhere` has it."""

    def __init__(self, node: SimNode, network: "Network", mtu: int, line: bool) -> None:
        self.LINE = line
        self.connections: dict[DatagramSession, Any] = {}
        self.world = node.world
        self.link = network.attach(self.turn)
        self.link.mtu = mtu
        self.endpoint = node.node.endpoint(mtu, line)
        self._pump = DatagramPump(self.endpoint, self.link, node.tell)
        self._wake_us = -1  # the timer that is set; -1: none

    @property
    def address(self) -> int:
        return self.link.address

    def turn(self) -> None:
        """Does what is due."""
        now = self.world.now_ms
        deadline = self._pump.run(now)
        if deadline is not None:
            self._set_timer(max(deadline, now + 1) * 1000)  # as any OS, not within the same ms

    def turn_soon(self, _session: "Any") -> None:
        """After a command to a session, or when something waits to be sent."""
        self._set_timer(self.world.now_us)

    def _set_timer(self, wake_us: int) -> None:
        if self._wake_us < 0 or wake_us < self._wake_us:
            self._wake_us = wake_us
            self.world.at(wake_us, self._on_timer)

    def _on_timer(self) -> None:
        if self.world.now_us >= self._wake_us >= 0:
            self._wake_us = -1
            self.turn()
