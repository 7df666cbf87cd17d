# Runs in the WebAssembly port, in pieces: each part below a line of `step` is one call, and the
# heap is measured after it. Two nodes talk to each other in one heap; what sessions cost one node
# is half of what pairs of them add.

# step program
import hashlib
import io

from plan import LINKS, PROFILE

from dsoftbus.const import ANYONE
from dsoftbus_mpy import crypto
from dsoftbus_mpy.overlay import give_back

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
    from dsoftbus.session.local import Local
    from dsoftbus.session.roster import Roster
    from dsoftbus_mpy.loop_serial import SerialLoop

    def make(suite, static):
        return Roster(Local({1: suite}, static, random, PROFILE, "node"), [])

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
    from dsoftbus.line_link import LineLink

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
    """What a bus and a loop do by themselves."""
    give_back(one.node)
    give_back(other.node)


def load():
    """What the beginning of a handshake brings into the heap, besides its session."""
    from dsoftbus.crypto.x25519 import exchange  # noqa: F401
    from dsoftbus.session.arrivals import may_begin  # noqa: F401
    from dsoftbus.session.offers import DatagramHandshake  # noqa: F401

    if LINKS != "tcp":
        from dsoftbus.session.openings import on_init  # noqa: F401


def settle():
    global now
    for _ in range(60):
        now += 20
        turn(one)
        turn(other)
        rest()


def live():
    session = begin()
    settle()
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

# step four-sessions
for _ in range(3):
    live()
if len(one.node.sessions) != 4 or len(other.streams) != 4:
    raise ValueError("not four sessions")
