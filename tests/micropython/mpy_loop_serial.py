"""The bare loop of a cable: two minimal nodes in one process, on the two ends of a line, in
virtual time."""

import errno
import io

from dsoftbus.const import EV_CLOSED, EV_ESTABLISHED, EV_OPENED, EV_READABLE, SMALL
from dsoftbus.errors import END_KEEPALIVE, END_LOCAL, END_PEER, PEER_NOT_ALLOWED
from support import Random, Skip

try:
    import select
except ImportError:
    raise Skip("this port has no poll")

import virtual_time
from dsoftbus.session.node_config import NodeConfig
from dsoftbus.session.session_table import SessionTable
from dsoftbus_mpy import crypto, loop_serial
from dsoftbus_mpy.loop_serial import SerialLoop

SUITE = crypto.suite(1)

TURNS = 20_000  # ends what hangs
_POLL = 3  # MicroPython's ioctl that asks what is ready
_READABLE = 1


class Brief(SMALL):
    close_ms = 50
    keepalive_ms = 20


class Port(io.IOBase):
    """One end of a cable in memory, as a byte port that poll() can wait for."""

    def __init__(self):
        self.waits_for = self
        self.bytes = b""
        self.other = self
        self.closed = 0
        self.pulled = False
        self.takes = 64  # bytes in one write

    def readinto(self, view):
        if self.pulled:
            return 0
        n = min(len(view), len(self.bytes))
        view[:n] = self.bytes[:n]
        self.bytes = self.bytes[n:]
        return n or None

    def write(self, buffer, at, stop):
        stop = min(stop, at + self.takes)
        self.other.bytes += bytes(buffer[at:stop])
        return stop - at

    def ioctl(self, request, argument):
        if request != _POLL:
            return -errno.EINVAL  # 0 for a file descriptor would be that of the standard input
        return _READABLE if self.bytes or self.pulled else 0

    def close(self):
        self.closed += 1


class End:
    """A node; it opens a stream where it has `data`, and keeps what others send it."""

    def __init__(self, seed, port, time, data=b"", allowed=(), profile=SMALL):
        random = Random(seed)
        local = NodeConfig({1: SUITE}, SUITE.keypair(random(32)), random, profile, "end")
        self.loop = SerialLoop(SessionTable(local, allowed), port, self.on_event)
        self.loop.now = time.ticks_ms
        self.loop._poll = virtual_time.Poll(time)
        self.loop._poll.register(port, select.POLLIN)
        self.port = port
        self.data = data
        self.got = b""
        self.causes = []

    def on_event(self, session, event):
        stream = event.stream
        if event.kind == EV_ESTABLISHED and self.data:
            session.open("line").send(self.data)
        elif event.kind == EV_OPENED:
            stream.accept()
        elif event.kind == EV_READABLE:
            self.got += stream.recv(stream.readable)
        elif event.kind == EV_CLOSED:
            self.causes.append((event.code, event.peer_code))


def ends(data, allowed, profile=SMALL):
    """(who begins, who answers); with `allowed` the second knows the first."""
    a, b = Port(), Port()
    a.other, b.other = b, a
    loop_serial.time = time = virtual_time.VirtualTime()
    one = End(1, a, time, data, (), profile)
    other = End(2, b, time, b"", [one.loop.node.public] if allowed else (), profile)
    return one, other


def run(one, other, until):
    for _ in range(TURNS):
        one.loop.run_once(1)
        other.loop.run_once(1)
        if until():
            return
    raise AssertionError("nothing more happens")


def test_a_stream_over_the_line_and_the_end():
    data = Random(3)(2000)
    one, other = ends(data, True)
    one.loop.connect(other.loop.node.public)
    run(one, other, lambda: other.got == data)
    session = one.loop.node.sessions[0]
    session.close(one.loop.now())
    run(one, other, lambda: not one.loop.node.sessions and not other.loop.node.sessions)
    assert (one.causes, other.causes) == ([(END_LOCAL, 0)], [(END_PEER, END_LOCAL)])


def test_a_stream_that_comes_with_the_end_of_its_session_is_not_told():
    """A program that would accept it could not: and its loop goes on."""
    one, other = ends(b"", True)
    session = one.loop.connect(other.loop.node.public)
    run(one, other, lambda: not session.half_open and not other.loop.node.sessions[0].half_open)
    session.open("line").send(b"said and gone")
    one.loop.run_once(1)
    session.refuse(END_LOCAL)
    one.loop.run_once(1)
    run(one, other, lambda: other.causes)
    assert other.causes == [(END_PEER, END_LOCAL)] and not other.got


def test_who_is_not_in_the_list_is_denied():
    one, other = ends(b"let me in", False)
    one.loop.connect(other.loop.node.public)
    run(one, other, lambda: one.causes)
    assert one.causes == [(END_PEER, PEER_NOT_ALLOWED)] and not other.got


def test_who_is_in_the_list_is_whom_the_list_names():
    one, other = ends(b"let me in", False)
    other.loop.node.allowed = [Random(9)(32)]
    one.loop.connect(other.loop.node.public)
    run(one, other, lambda: one.causes)
    assert one.causes == [(END_PEER, PEER_NOT_ALLOWED)] and not other.got


def test_close_tells_the_peer_and_lets_go_of_the_port():
    one, other = ends(b"a few bytes", True, Brief)
    one.loop.connect(other.loop.node.public)
    run(one, other, lambda: other.got)
    one.loop.close()  # waits for the other, which does not run meanwhile
    assert one.port.closed == 1
    run(one, other, lambda: other.causes)
    assert other.causes == [(END_PEER, END_LOCAL)]
    other.loop.close()
    assert other.port.closed == 1


def test_a_port_that_is_gone_ends_the_session_within_the_keepalive_bound():
    one, other = ends(b"a few bytes", True, Brief)
    one.loop.connect(other.loop.node.public)
    run(one, other, lambda: other.got)
    one.port.pulled = True
    run(one, other, lambda: one.causes and other.causes)
    assert one.causes == other.causes == [(END_KEEPALIVE, 0)]
