"""500 sessions in turn, both ends in this heap; prints the heap in use along the way."""

import gc
import hashlib

from dsoftbus.const import ANYONE
from dsoftbus.node import Node
from dsoftbus.pump import Pump
from dsoftbus_mpy import crypto
from dsoftbus_profile import PROFILE

SESSIONS = 500
LOOKS = (20, 100, 250, SESSIONS - 1)
EV_OPENED = 2


class Pipe:
    """One end of a stream link in memory."""

    def __init__(self):
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

    def close(self):
        self.bytes = bytearray()


class End:
    """A node and its one session."""

    def __init__(self, salt):
        self.drawn = salt
        suite = crypto.suite(1)
        self.node = Node(
            {1: suite}, suite.keypair(self.random(32)), self.random, PROFILE, allowed=ANYONE
        )
        self.got = b""
        self.stream = None

    def random(self, n):
        """Not random at all, and the same in every run."""
        self.drawn += 2
        return hashlib.sha256(b"%d" % self.drawn).digest()[:n]

    def take(self, session, pipe):
        self.pump = Pump(session, pipe, self.on_event)

    def on_event(self, event):
        if event.kind == EV_OPENED:
            self.stream = event.stream
            self.stream.accept()


now = 0
one, other = End(0), End(1)


def settle():
    global now
    for _ in range(20):
        now += 100
        one.pump.run(now)
        other.pump.run(now)


def cycle():
    a, b = Pipe(), Pipe()
    a.other, b.other = b, a
    session = one.node.connect(other.node.public, now)
    one.take(session, a)
    other.take(other.node.accept(now), b)
    settle()
    session.open("sensor").send(b"hello")
    settle()
    if other.stream.recv(100) != b"hello":
        raise ValueError("nothing came")
    session.close(now)
    settle()
    for end in (one, other):
        end.node.forget(end.pump.session)


for n in range(SESSIONS):
    cycle()
    if n in LOOKS:
        gc.collect()
        print(n, gc.mem_alloc())
