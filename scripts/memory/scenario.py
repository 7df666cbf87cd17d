# Runs in the WebAssembly port, in pieces: each part below a line of `step` is one call, and the
# heap is measured after it. Two nodes talk to each other in one heap; what sessions cost one node
# is half of what pairs of them add.

# step program
import hashlib
import io

from plan import LINKS, PROFILE, SERVICES

from dsoftbus.const import ANYONE
from dsoftbus_mpy import crypto
from dsoftbus_mpy.base.overlay import unload

now = 0
drawn = [0]


def random(n):
    """Not random at all: this port has no source, and the heap does not care."""
    drawn[0] += 1
    return hashlib.sha256(str(drawn).encode()).digest()[:n]


class Pipe(io.IOBase):
    """One end of a link; poll() may ask it, as it asks sockets and the console."""

    def __init__(self):
        self.waits_for = self
        self.bytes = bytearray()
        self.other = None

    def readinto(self, view):
        n = min(len(view), len(self.bytes))
        view[:n] = self.bytes[:n]
        self.bytes = self.bytes[n:]
        return n or None

    def write(self, buffer, at, stop):
        self.other.bytes += memoryview(buffer)[at:stop]
        return stop - at

    def ioctl(self, request, argument):
        return 1 if self.bytes else 0

    def close(self):
        pass


def pipes():
    a, b = Pipe(), Pipe()
    a.other, b.other = b, a
    return a, b


if LINKS == "loop":
    from dsoftbus.session.node_config import NodeConfig
    from dsoftbus.session.session_table import SessionTable
    from dsoftbus_mpy.loop_serial import SerialLoop

    def make(suite, static):
        return SessionTable(NodeConfig({1: suite}, static, random, PROFILE, "node"), [])

    def plug(end, pipe):
        end.loop = SerialLoop(end.node, pipe, end.on_event)
        end.loop.now = lambda: now

    def turn(end):
        end.loop.run_once(0)

    def begin():
        other.node.allowed.append(one.node.public)
        return one.loop.connect(other.node.public)

else:
    from dsoftbus.node import Node

    def make(suite, static):
        return Node({1: suite}, static, random, PROFILE, "node", allowed=ANYONE)


if LINKS == "serial":
    from dsoftbus.datagram_pump import DatagramPump
    from dsoftbus.line.line_link import LineLink

    def plug(end, pipe):
        end.line = LineLink(pipe, 1, PROFILE)
        end.endpoint = end.node.endpoint(end.line.mtu, True)
        end.pump = DatagramPump(end.endpoint, end.line, end.on_event)

    def turn(end):
        end.line.now = now
        end.line.handle_timer(now)
        end.pump.run(now)
        end.line.turn(end.pump, now)

    def begin():
        return one.endpoint.connect(0, other.node.public, now)


if LINKS == "tcp":
    from dsoftbus.discovery.peers import Peers
    from dsoftbus.pump import Pump
    from dsoftbus.trust.guard import Guard
    from dsoftbus.trust.store import TrustStore

    def plug(end, pipe):
        end.kept = (Guard(TrustStore(PROFILE), random), Peers(PROFILE, end.node.id))
        end.pumps = []

    def pump(end, session, pipe):
        end.pumps.append(Pump(session, pipe, lambda event: end.on_event(session, event)))

    def turn(end):
        for pump in end.pumps:
            pump.run(now)

    def begin():
        a, b = pipes()
        session = one.node.connect(other.node.public, now)
        pump(one, session, a)
        pump(other, other.node.accept(now, ("192.0.2.1", 1)), b)
        return session


class End:
    """A node, and its end of the link."""

    def __init__(self, pipe):
        suite = crypto.suite(1)
        self.node = make(suite, suite.keypair(random(32)))
        self.streams = []
        plug(self, pipe)

    def on_event(self, session, event):
        if event.kind == 2:  # EV_OPENED
            event.stream.accept()
            self.streams.append(event.stream)


def rest():
    """Gives memory back, as a bus and a loop do by themselves."""
    unload(one.node)
    unload(other.node)


def load():
    """Loads the modules that the beginning of a handshake brings into the heap."""
    from dsoftbus.crypto.x25519 import exchange  # noqa: F401
    from dsoftbus.handshake.arrivals import may_begin  # noqa: F401
    from dsoftbus.handshake.datagram_handshake import DatagramHandshake  # noqa: F401

    if LINKS != "tcp":
        from dsoftbus.session.incoming import on_init  # noqa: F401


def settle():
    global now
    for _ in range(60):
        now += 20
        turn(one)
        turn(other)
        rest()


asking = []  # streams of services, at the node that opened them


def live():
    session = begin()
    settle()
    if SERVICES:
        for name in SERVICES:
            asking.append(session.open("dsoftbus/" + name, 2, 1))  # a stream of messages
        settle()
        one.streams.append(session)
        return
    stream = session.open("sensor/temperature")
    stream.send(b"21.5" * 50)
    settle()
    for stream in other.streams:
        stream.recv(1000)
    settle()
    one.streams.append(session)


# step idle
one, other = map(End, pipes())
load()
rest()

# step handshake
load()

# step one-session
rest()
live()

# step services
machines = []  # of the other node: what publishes, and what answers


def attach(stream):
    """Returns its machine; the one node asks by hand, since its own kind does not ask."""
    if stream.name == "dsoftbus/topics":
        from dsoftbus.service.publisher import Publisher
        from dsoftbus.service.topics import Topics

        topics = Topics(PROFILE, random)
        topics.publish("temperature", 21.5)
        return Publisher(topics, lambda name, asked: True)
    from dsoftbus.service.callee import Callee

    return Callee(PROFILE, lambda name: 0)


def asked(stream):
    name = b"temperature" if stream.name == "dsoftbus/topics" else b"\0\0\0\0\7led/set\xf5"
    return b"\1\0\0\0\1" + name


def answered(stream, machine):
    message = stream.recv_message()
    machine.receive(message, now)
    if stream.name == "dsoftbus/calls":
        machine.reply(machine.next_event(), True)
    words = machine.message(stream.max_message)
    while words is not None and stream.send_message(words):
        settle()
        machine.sent(words)
        words = machine.message(stream.max_message)


for i in range(len(asking)):
    mine, theirs = asking[i], other.streams[i]
    words = asked(mine)
    mine.send_message(words)
    settle()
    machines.append(attach(theirs))
    answered(theirs, machines[-1])
    settle()
    while mine.recv_message() is not None:
        pass
settle()

# step four-sessions
for _ in range(3):
    live()
if len(one.node.sessions) != 4 or len(other.streams) != 4 * max(len(SERVICES), 1):
    raise ValueError("not four sessions")
