"""Two whole sessions on a network with faults, for the stateful test; time moves when told to."""

from dsoftbus.const import ANYONE, EV_ESTABLISHED, EV_MESSAGE
from dsoftbus.node import Node
from dsoftbus.packet.acks import RANGES_MAX
from dsoftbus_sim.chance import Chance
from dsoftbus_sim.faults import Faults
from dsoftbus_sim.network import Network
from dsoftbus_sim.world import World as Clock
from mux_world import KEYS, SUITE, World, profile_of

GOOD = {"loss": 0, "reorder": 0, "duplicate": 0, "corrupt": 0, "latency_ms": 5}
CALM_TURNS = 20000  # far more than anything here needs to come to rest


class DatagramWorld(World):
    """Side 0 connects, and is the one that may move."""

    def __init__(self, profiles, seed: int, faults: dict[str, int]) -> None:
        super().__init__(profiles)
        self.clock = Clock(seed)
        self.faults = Faults()
        self.weather(faults)
        self.network = Network(self.clock, self.faults)
        self.links = [self.network.attach(lambda: None) for _ in range(2)]
        self.endpoints = [
            Node({1: SUITE}, KEYS[i], Chance(seed + i), profiles[i], allowed=ANYONE).endpoint(1200)
            for i in range(2)
        ]
        self._buffer = bytearray(1201)
        self.sent_messages: list[set[bytes]] = [set(), set()]  # by the side that sent them
        self.got_messages: list[set[bytes]] = [set(), set()]  # and by the side that has them
        self._said = 0
        self._moved = False
        self._copies = -1  # the side whose next datagram is copied
        self.sessions = [
            self.endpoints[0].connect(self.links[1].address, KEYS[1].public, 0),
            self._responder(),
        ]

    def _responder(self):
        """Lets the handshake happen; whatever is lost comes again."""
        found = []
        for _ in range(CALM_TURNS):
            for side in range(2):
                while self.transmit(side) or self.deliver(side, 1):
                    pass
                event = self.endpoints[side].next_event()
                if event is not None:
                    assert event.kind == EV_ESTABLISHED
                    found.append(self.endpoints[side].session)
            if len(found) == 2:
                return found[1]
            self.pass_time(self.due_ms())
        raise AssertionError("no session")

    # The link

    def mux(self, side: int):
        return self.sessions[side].mux

    def next_event(self, side: int):
        event = self.endpoints[side].next_event()
        while event is not None and event.kind == EV_MESSAGE:
            self._take_messages(side)
            event = self.endpoints[side].next_event()
        return event

    def open(self, side: int, name: str, priority: int, kind: int):
        return self.sessions[side].open(name, priority, kind)

    def transmit(self, side: int) -> bool:
        endpoint = self.endpoints[side]
        n = endpoint.poll_transmit(self._buffer, self.clock.now_ms)
        if n:
            assert n <= self.profiles[side].datagram_bytes
            if self._copies == side:
                self._copies = -1
                self.links[1 - side].put(bytes(self._buffer[:n]), self.network.fresh_address())
            self.links[side].sendto(self._buffer, n, endpoint.path)
        return n > 0

    def deliver(self, side: int, n: int) -> bool:
        """Reads at most `n` datagrams."""
        for i in range(n):
            got = self.links[side].recvfrom_into(self._buffer)
            if got is None:
                return i > 0
            self.endpoints[side].receive_datagram(self._buffer, got[1], self.clock.now_ms, got[0])
            for session in self.endpoints[side].sessions.values():
                assert not session.closed, session.failure
        return True

    # What a network does

    def weather(self, faults: dict[str, int]) -> None:
        for name, value in faults.items():
            setattr(self.faults, name, value)

    def pass_time(self, ms: int) -> None:
        self.clock.run(ms)
        for endpoint in self.endpoints:
            endpoint.handle_timer(self.clock.now_ms)

    def cut(self, ms: int) -> None:
        ends = [link.address for link in self.links]
        self.network.part(*ends)
        for _ in range(10):
            self.transmit(0)
            self.transmit(1)
            self.pass_time(ms // 10)
        self.network.part(*ends, False)

    def copy(self, side: int) -> None:
        """Delivers the next datagram of that side first as a copy from an address that is
        nobody's."""
        self._copies = side

    def move(self) -> None:
        self.network.move(self.links[0])
        self._moved = True

    def say(self, side: int, n: int) -> None:
        """An unreliable message of `n` bytes, or as many as fit."""
        self._said += 1
        longest = self.sessions[side].datagram_max
        message = (b"%d|" % self._said + bytes(n))[:longest]
        if self.sessions[side].send_datagram(message):
            self.sent_messages[side].add(message)

    def _take_messages(self, side: int) -> None:
        while (message := self.sessions[side].recv_datagram()) is not None:
            assert message in self.sent_messages[1 - side], "a message that nobody sent"
            assert message not in self.got_messages[side], "a message came twice"
            self.got_messages[side].add(message)

    def step(self, random) -> None:
        if random.random() < 0.3:
            self.pass_time(random.choice((1, 1, 5, 30, 200)))
        super().step(random)

    # What must hold

    def check(self) -> None:
        super().check()
        for side in range(2):
            self._check_reliable(side)
            assert len(self.endpoints[side].answers) <= 16
            assert len(self.endpoints[side].sessions) == 1

    def _check_reliable(self, side: int) -> None:
        reliable = self.sessions[side].reliable
        profile = self.profiles[side]
        segments = min(profile.segments, self.profiles[1 - side].segments)
        outbox, inbox, recovery = reliable._outbox, reliable._inbox, reliable.recovery
        assert 0 <= outbox._next - outbox.base <= segments
        assert inbox.held == sum(buffer is not None for buffer in inbox._buffers)
        buffers = [b for b in (*outbox._buffers, *inbox._buffers) if b is not None]
        spare = list(outbox._pool.kept)
        assert len({id(b) for b in buffers + spare}) == len(buffers) + len(spare), "shared"
        assert len(buffers) + len(spare) <= profile.segments + segments
        assert outbox._lost_count == sum(outbox._lost) <= outbox._next - outbox.base
        assert recovery._count <= recovery._capacity
        assert self._in_ring(recovery) == reliable.congestion.in_flight >= 0
        assert reliable.congestion.window <= max(2, segments) * reliable.congestion.datagram
        assert len(reliable.waiting) <= profile.messages >= len(reliable.arrived)
        assert reliable.acks.count <= RANGES_MAX

    @staticmethod
    def _in_ring(recovery) -> int:
        slots = [(recovery._head + k) % recovery._capacity for k in range(recovery._count)]
        return sum(recovery._sizes[slot] for slot in slots)

    def settle(self) -> None:
        """The network is good again, and time goes on until nothing is left to do."""
        self.weather(GOOD)
        if self._moved:
            self._moved = False  # whoever moves must say something, as the keepalive would
            self.mux(0).ping(self.clock.now_ms)
        for _ in range(CALM_TURNS):
            super().settle()
            if self.at_rest:
                return
            self.pass_time(self.due_ms())
        raise AssertionError("the two never come to rest")

    def check_settled(self) -> None:
        """At rest each session goes to where its peer is."""
        super().check_settled()
        for side in range(2):
            assert self.sessions[side].path == self.links[1 - side].address

    @property
    def at_rest(self) -> bool:
        under_way = bool(self.clock._queue) or any(link._waiting for link in self.links)
        return not under_way and all(
            session.reliable.idle and not session.mux.has_output and session.validation is None
            for session in self.sessions
        )

    def due_ms(self) -> int:
        """Runs from now to the next thing that happens by itself; a ms at least."""
        due = [endpoint.poll_timer() for endpoint in self.endpoints]
        if self.clock._queue:
            due.append(self.clock._queue[0][0] // 1000 + 1)
        return max(min(at for at in due if at is not None) - self.clock.now_ms, 1)


def datagram_profile(segments: int, datagram_bytes: int, messages: int, **mux):
    """As `mux_world.profile_of`, with what concerns datagrams; nobody gives up."""

    class Profile(profile_of(**mux)):
        handshake_ms = 10**9
        keepalive_ms = 10**8

    Profile.segments = segments
    Profile.datagram_bytes = datagram_bytes
    Profile.messages = messages
    return Profile
