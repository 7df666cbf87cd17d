"""Whole sessions on each kind of link, seeded and in virtual time: what each side sends.

A line of a capture is `time in ms`, `side`, `bytes in hex`: one write to a stream or a serial
line, or one datagram. `make golden` writes the captures anew; `test_golden.py` compares.
"""

from binascii import hexlify

from dsoftbus.const import (
    ANYONE,
    EV_ACCEPTED,
    EV_CLOSED,
    EV_ESTABLISHED,
    EV_OPENED,
    HOST,
    LINK_DATAGRAM,
    LINK_STREAM,
    SMALL,
    SUITE_CHACHA_SHA256,
    TINY,
)
from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.discovery.announce import FLAG_PAIRING, Announcement
from dsoftbus.discovery.announcer import ASK_BYTES, Announcer
from dsoftbus.line.line import NEIGHBOUR
from dsoftbus.line.line_link import LineLink
from dsoftbus.node import Node
from dsoftbus.pump import Pump
from dsoftbus_sim.faults import Faults
from dsoftbus_sim.network import Network
from dsoftbus_sim.node import SimNode
from dsoftbus_sim.world import World
from provided import SUITE
from simulated import pattern
from support import Random
from wires import Way

SUITES = {SUITE_CHACHA_SHA256: SUITE}
QUIET_MS = 18000  # after the last byte: longer than the silence that is answered by a probe
BAUD = 115200


class Program:
    """One side's program: the first opens a stream, sends and ends its half; the second answers
    when that half is read. `closed` holds the reasons that its session ended with."""

    def __init__(self, sends: bytes, opens: bool):
        self._sends = sends
        self._at = 0
        self._opens = opens
        self._stream = None
        self.session = None
        self.got = b""
        self.closed = []

    def on_event(self, session, event):
        self.session = session
        if event.kind == EV_ESTABLISHED and self._opens:
            session.open("golden")
        elif event.kind in (EV_OPENED, EV_ACCEPTED):
            self._stream = event.stream
            if event.kind == EV_OPENED:
                event.stream.accept()
        elif event.kind == EV_CLOSED:
            self.closed.append(event.code)

    @property
    def at_end(self) -> bool:
        return self._stream is not None and self._stream.at_end

    def act(self) -> bool:
        """Reads what is there and sends what is taken; whether anything moved."""
        stream = self._stream
        if stream is None:
            return False
        n = stream.readable
        if n:
            self.got += stream.recv(n)
        if self._opens or stream.at_end:
            n += self._send()
        return n > 0

    def _send(self) -> int:
        if self._at == len(self._sends):
            return 0
        n = self._stream.send(self._sends, self._at)
        self._at += n
        if self._at == len(self._sends):
            self._stream.finish()
        return n


class Capture:
    """Two programs and what their nodes said. They send `size` bytes each: more than the credit of
    a stream has to be, so that windows are updated."""

    def __init__(self, size: int = 0):
        self.now = 0
        self.quiet_until = 0  # once both have sent all
        self.lines = []
        self.size = size
        self.programs = (Program(pattern(size, 1), True), Program(pattern(size, 2), False))

    def said(self, side: int, data) -> None:
        self.lines.append("%d %s %s" % (self.now, "ab"[side], hexlify(bytes(data)).decode()))

    def pass_time(self, said: int, deadlines) -> None:
        """Lets a ms pass, or in the silence, where `lines` are still as many as `said`, all up to
        the first of the deadlines: in ms, or None."""
        first = self.now
        if len(self.lines) == said and self.now < self.quiet_until:
            first = min([at for at in deadlines if at is not None] + [self.quiet_until])
        self.now = max(first, self.now + 1)

    @property
    def exchanged(self) -> bool:
        return self.programs[0].at_end and self.programs[1].at_end

    def checked(self) -> list:
        """The lines, of a session in which all went well."""
        a, b = self.programs
        assert (a.got, b.got) == (pattern(self.size, 2), pattern(self.size, 1))
        assert len(a.closed) == len(b.closed) == 1, (a.closed, b.closed)
        return self.lines


def whole_session(capture, step) -> list:
    """Data both ways, silence, the end; `step()` lets one ms or more pass."""
    while not (capture.programs[0].closed and capture.programs[1].closed):
        step()
        if not capture.quiet_until and capture.exchanged:
            capture.quiet_until = capture.now + QUIET_MS
        if capture.quiet_until and capture.now >= capture.quiet_until:
            capture.programs[0].session.close(capture.now)
        assert capture.now < 100000, "no end"
    return capture.checked()


def _node(seed: int, profile, name: str) -> Node:
    random = Random(seed)
    static = SUITE.keypair(random(32))
    return Node(SUITES, static, random, profile, name, allowed=ANYONE)


# A stream link


class _Pipe:
    """One end of a connection that takes everything at once."""

    def __init__(self, capture, side: int):
        self._capture = capture
        self._side = side
        self.other = None
        self._waiting = b""

    def readinto(self, view):
        n = min(len(view), len(self._waiting))
        view[:n] = self._waiting[:n]
        self._waiting = self._waiting[n:]
        return n or None

    def write(self, buffer, at: int, stop: int):
        data = bytes(memoryview(buffer)[at:stop])
        self._capture.said(self._side, data)
        self.other._waiting += data
        return stop - at


def stream() -> list:
    """A host dials a small board over TCP."""
    capture = Capture(1000)
    nodes = (_node(1, HOST, "golden-a"), _node(2, TINY, "golden-b"))
    pipes = (_Pipe(capture, 0), _Pipe(capture, 1))
    pipes[0].other, pipes[1].other = pipes[1], pipes[0]
    sessions = (nodes[0].connect(nodes[1].public, 0), nodes[1].accept(0))
    pumps = [_stream_pump(*of) for of in zip(sessions, pipes, capture.programs)]

    def step():
        said = len(capture.lines)
        for pump, program in zip(pumps, capture.programs):
            pump.run(capture.now)
            while program.act():
                pump.turn(capture.now)
        capture.pass_time(said, [pump.poll_timer() for pump in pumps])

    return whole_session(capture, step)


def _stream_pump(session, pipe, program) -> Pump:
    return Pump(session, pipe, lambda event: program.on_event(session, event))


# Datagrams on a network


def datagram() -> list:
    """Over UDP, to a node that is crowded by someone who never finishes: it asks for a cookie."""
    capture = Capture(3000)
    world = World(1)
    network = Network(world, Faults(latency_ms=2))
    sides = {}

    def on_event(node, session, event):
        if node in sides:
            capture.programs[sides[node]].on_event(session, event)

    def watch(source, destination, data):
        if source in (a.address, b.address) and destination in (a.address, b.address):
            capture.now = world.now_ms
            capture.said(0 if source == a.address else 1, data)

    a = SimNode(network, SUITES, SMALL, on_event, "golden-a", allowed=ANYONE)
    b = SimNode(network, SUITES, SMALL, on_event, "golden-b", allowed=ANYONE)
    crowd = SimNode(network, SUITES, SMALL, on_event, "crowd")
    sides.update({a: 0, b: 1})
    network.watch = watch
    network.path(b.address, crowd.address).up = False
    crowd.connect(b)
    world.run(5)
    a.connect(b)

    def step():
        world.run(1)
        capture.now = world.now_ms
        for node, program in zip((a, b), capture.programs):
            while program.act():
                node.turn()
        a.turn()  # `close` may have been called

    return whole_session(capture, step)


# A serial line


class _Port:
    """One end of a cable as a byte port."""

    def __init__(self, capture, side: int, ways):
        self._capture = capture
        self._side = side
        self._out, self._into = (ways[0], ways[1]) if side == 0 else (ways[1], ways[0])
        self._read = b""

    def readinto(self, view):
        self._read += self._into.get(self._capture.now * 1000)
        n = min(len(view), len(self._read))
        view[:n] = self._read[:n]
        self._read = self._read[n:]
        return n or None

    def write(self, buffer, at: int, stop: int):
        if not self._out.free(self._capture.now * 1000):
            return None
        data = bytes(memoryview(buffer)[at:stop])
        self._capture.said(self._side, data)
        self._out.put(data, self._capture.now * 1000)
        return stop - at


def serial() -> list:
    """A host and the least board on a cable."""
    capture = Capture(1000)
    random = Random(7)
    ways = (Way(BAUD, random), Way(BAUD, random))
    nodes = (_node(3, HOST, "golden-a"), _node(4, TINY, "golden-b"))
    links = [LineLink(_Port(capture, i, ways), 100 + i, nodes[i].profile) for i in range(2)]
    endpoints = [node.endpoint(link.mtu) for node, link in zip(nodes, links)]
    pumps = [
        DatagramPump(endpoint, link, program.on_event)
        for endpoint, link, program in zip(endpoints, links, capture.programs)
    ]
    endpoints[0].connect(NEIGHBOUR, nodes[1].public, 0)

    def deadlines():
        arrivals = [-(-at // 1000) for way in ways for at in way.next_us()]
        timers = [part.poll_timer() for part in links + endpoints]
        return timers + [at for at in arrivals if at > capture.now]

    def step():
        said = len(capture.lines)
        for link, pump, program in zip(links, pumps, capture.programs):
            link.now = capture.now
            link.handle_timer(capture.now)
            pump.run(capture.now)
            link.turn(pump, capture.now)
            while program.act():
                link.turn(pump, capture.now)
        capture.pass_time(said, deadlines())

    return whole_session(capture, step)


# Announcements


def announcements() -> list:
    """Returns a node's announcements in each version: eager, due, asked, changed, at the end."""
    capture = Capture()
    public = Random(5)(32)
    for version in (1, 2):
        links = ((LINK_STREAM, 37020), (LINK_DATAGRAM, 37021))[: 3 - version or 1]
        said = Announcement(
            "golden" + "a" * 20, public, links, ("echo", "files"), _name(version), version=version
        )
        if version == 2:
            said.sequence = 41
            said.lifetime_s = 30
            said.flags = FLAG_PAIRING
        _announced(capture, said, ASK_BYTES if version == 2 else 0)
    return capture.lines


def _name(version: int) -> str:
    return "käfer" if version == 2 else ""


def _announced(capture, said, ask_bytes: int) -> None:
    announcer = Announcer(said, 0, ask_bytes)
    for now in range(0, 90000, 500):
        capture.now = now
        packet = announcer.poll_transmit(now)
        if packet is not None:
            capture.said(0, packet)
        if now == 20000:
            capture.said(0, announcer.ask())
            capture.said(0, announcer.answer(ASK_BYTES))
        if now == 50500:
            announcer.announce_soon(now)
    if said.version == 2:
        capture.said(0, announcer.goodbye())


CAPTURES = (
    ("stream", stream),
    ("datagram", datagram),
    ("serial", serial),
    ("announcements", announcements),
)
