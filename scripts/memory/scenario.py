# Runs in the WebAssembly port, in pieces: each part below a line of `step` is one call, and
# the heap is measured after it. Two nodes talk to each other in one heap; what sessions cost one
# node is half of what pairs of them add.

# step made
import hashlib
import io

from plan import LINKS, PROFILE

from dsoftbus_mpy import crypto

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


def make_node(suite):
    static = suite.keypair(random(32))
    if LINKS == "loop":
        from dsoftbus.session.handshake import Local
        from dsoftbus.session.roster import Roster

        return Roster(Local({1: suite}, static, random, PROFILE, "node"))
    from dsoftbus.node import Node

    return Node({1: suite}, static, random, PROFILE, "node")


class End:
    """A node, and its ends of the links."""

    def __init__(self):
        self.node = make_node(crypto.suite(1))
        self.streams = []
        self.events = []

    def on_event(self, event):
        if event.kind == 2:  # EV_OPENED
            event.stream.accept()
            self.streams.append(event.stream)


now = 0
one, other = End(), End()

# step idle-link
if LINKS == "loop":
    from dsoftbus_mpy.loop_serial import SerialLoop

    def plug(end, pipe):
        end.loop = SerialLoop(end.node, pipe, lambda session, event: end.on_event(event))
        end.loop.now = lambda: now

    one.node.allowed, other.node.allowed = [other.node.public], [one.node.public]
    a, b = pipes()
    plug(one, a)
    plug(other, b)

    def turn(end):
        end.loop.run_once(0)

    def begin():
        return one.loop.connect(other.node.public)

elif LINKS == "serial":
    from dsoftbus.datagram_pump import DatagramPump
    from dsoftbus.line_link import LineLink

    def plug(end, pipe):
        end.line = LineLink(pipe, 1, PROFILE)
        end.endpoint = end.node.endpoint(end.line.mtu)
        end.pump = DatagramPump(end.endpoint, end.line, lambda session, event: end.on_event(event))

    a, b = pipes()
    plug(one, a)
    plug(other, b)

    def turn(end):
        end.line.now = now
        end.line.handle_timer(now)
        end.pump.run(now)
        end.line.turn(end.pump, now)

    def begin():
        return one.endpoint.connect(0, other.node.public, now)

else:
    from dsoftbus.discovery.peers import Peers
    from dsoftbus.pump import Pump
    from dsoftbus.trust.guard import Guard
    from dsoftbus.trust.store import TrustStore

    for end in (one, other):
        end.kept = (Guard(TrustStore(PROFILE), random), Peers(PROFILE, end.node.id))
        end.pumps = []

    def turn(end):
        for pump in end.pumps:
            pump.run(now)

    def begin():
        a, b = pipes()
        session = one.node.connect(other.node.public, now)
        one.pumps.append(Pump(session, a, one.on_event))
        other.pumps.append(Pump(other.node.accept(now), b, other.on_event))
        return session


def settle():
    global now
    for _ in range(60):
        now += 20
        turn(one)
        turn(other)


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


# step one-session
live()

# step four-sessions
for _ in range(3):
    live()
if len(one.node.sessions) != 4 or len(other.streams) != 4:
    raise ValueError("not four sessions")
