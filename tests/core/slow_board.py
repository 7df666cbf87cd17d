"""A host and a board of real speed on a cable, in virtual time: reading costs the board time for
each byte, a turn of its loop, a key, sealing and opening cost it time, and so does its garbage.

The costs are those of a Pico at 125 MHz, whose console is USB or a UART.
"""

from dsoftbus.base.ticks import earliest
from dsoftbus.const import (
    ANYONE,
    EV_ACCEPTED,
    EV_CLOSED,
    EV_OPENED,
    HOST,
    SMALL,
    SUITE_CHACHA_SHA256,
)
from dsoftbus.crypto.suite import Suite
from dsoftbus.datagram_pump import DatagramPump
from dsoftbus.line.line import NEIGHBOUR
from dsoftbus.line.line_link import LineLink
from dsoftbus.node import Node
from simulated import SUITES, pattern
from support import Random
from wires import BITS_A_BYTE, Way

BYTE_US = 70  # to read a byte from the console
UART_BYTE_US = 2  # and from a UART, of which one call takes what is there
SENT_BYTE_US = 4  # to hand one to it
CRYPTO_BYTE_NS = 2140
KEY_US = 120000  # an X25519
GARBAGE_US = 90000
GARBAGE_TURNS = 24  # between two pauses
UNREAD_MAX = 4096  # bytes that wait for the board, in its USB and in the host's buffer
SHORT = 8  # of a turn: one that finds no datagram
READS = 16  # datagrams in a turn, as every loop has it
CHUNK = 430  # what an echo reads at once: a datagram's payload
EXPENSIVE = (KEY_US, CRYPTO_BYTE_NS)


class CostlyKey:
    """A key pair, each use of which costs its owner time."""

    def __init__(self, key, spend):
        self.public = key.public
        self._key = key
        self._spend = spend

    def exchange(self, public):
        self._spend(KEY_US)
        return self._key.exchange(public)


class CostlyCipher:
    """A cipher, each byte of which costs its owner time."""

    def __init__(self, cipher, spend):
        self._cipher = cipher
        self._spend = spend

    def seal(self, n, ad, src, start, end, dst, at):
        self._spend((end - start) * CRYPTO_BYTE_NS // 1000)
        return self._cipher.seal(n, ad, src, start, end, dst, at)

    def open(self, n, ad, src, start, end, dst, at):
        self._spend((end - start) * CRYPTO_BYTE_NS // 1000)
        return self._cipher.open(n, ad, src, start, end, dst, at)


def costly(suite: Suite, spend) -> Suite:
    def keypair(secret):
        spend(KEY_US)
        return CostlyKey(suite.keypair(secret), spend)

    def cipher(key):
        return CostlyCipher(suite.cipher(key), spend)

    return Suite(suite.code, keypair, cipher, suite.hash, suite.copy)


class Port:
    """One end of the cable as a byte port; `side` pays for what it reads and writes."""

    def __init__(self, side, out: Way, into: Way):
        self._side = side
        self._out = out
        self._into = into

    def readinto(self, view):
        data = self._into.take(self._side.clock_us, len(view))
        view[: len(data)] = data
        self._side.spend(len(data) * self._side.byte_us)
        return len(data) or None

    def write(self, buffer, at: int, stop: int):
        side = self._side
        if not self._out.free(side.clock_us):
            return None
        side.spend((stop - at) * side.sent_byte_us)
        self._out.put(memoryview(buffer)[at:stop], side.clock_us)
        return stop - at

    def close(self):
        pass


class Bounded(Way):
    """A way that takes no more while `unread_max` bytes wait at its end."""

    def __init__(self, baud, random, noise=0, unread_max=1 << 20):
        super().__init__(baud, random, noise)
        self._unread_max = unread_max
        self._arrived = bytearray()

    def _arrive(self, now_us: int) -> None:
        if self.arrives_us <= now_us:
            self._arrived += self.get(now_us)

    def free(self, now_us: int) -> bool:
        self._arrive(now_us)
        return super().free(now_us) and len(self._arrived) < self._unread_max

    def free_at(self, now_us: int) -> int:
        return max(self._free_us, now_us)

    def waits(self, now_us: int) -> bool:
        """Tells whether there is something to read."""
        self._arrive(now_us)
        return len(self._arrived) > 0

    def take(self, now_us: int, most: int):
        self._arrive(now_us)
        data = bytes(self._arrived[:most])
        self._arrived = self._arrived[most:]
        return data


class Uart(Bounded):
    """A way without flow control, to a UART whose driver keeps `rxbuf` bytes until they are read:
    what comes beyond is lost."""

    def __init__(self, baud, random, noise, rxbuf):
        super().__init__(baud, random, noise)
        self.rxbuf = rxbuf
        self.overrun = 0  # bytes that were lost so
        self.most = 0  # that have waited

    def _arrive(self, now_us: int) -> None:
        if self.arrives_us > now_us:
            return
        self._arrived += self.get(now_us)
        self.overrun += max(len(self._arrived) - self.rxbuf, 0)
        self._arrived = self._arrived[: self.rxbuf]
        self.most = max(self.most, len(self._arrived))


class Side:
    """A node on one end, whose program may do everything in every turn."""

    byte_us = sent_byte_us = turn_us = 0
    waits_to_write = False  # as a console does

    def __init__(self, desk, ways, profile, suite):
        random = Random(desk.random.bits16())
        self.desk = desk
        self.clock_us = 0
        self.turns = self.pauses = 0
        static = suite.keypair(random(32))
        suites = {SUITE_CHACHA_SHA256: suite}
        self.node = Node(suites, static, random, profile, allowed=ANYONE)
        self.into = ways[1]
        self.out = ways[0]
        self.link = LineLink(Port(self, *ways), desk.random.bits16(), profile)
        self.line = self.link.line
        self.endpoint = self.node.endpoint(self.link.mtu, True)
        self.pump = DatagramPump(self.endpoint, self.link, self.on_event)
        self.streams = []
        self.ended = -1
        self.begun = False
        self.writing = False

    def spend(self, us: int) -> None:
        self.clock_us += us

    @property
    def now(self) -> int:
        return self.clock_us // 1000

    def step(self, now_us: int) -> None:
        """Begins a turn of its loop if there is reason, or goes on with one: it reads, then
        what it has read costs it the turn, then it writes."""
        if now_us < self.clock_us:
            return
        if not self.writing:
            if not self.has_work(now_us):
                return
            self.clock_us = now_us
            self._read()
            if self.clock_us > now_us:
                return
        self.clock_us = now_us
        self._write()

    def _read(self) -> None:
        self.begun = self.writing = True
        self.link.now = self.now
        reads = 0
        while reads < READS and self.pump.read(self.now):
            self.link.now = self.now
            reads += 1
        self.link.handle_timer(self.now)
        self.endpoint.handle_timer(self.now)
        self._pay(self.turn_us if reads else self.turn_us // SHORT)

    def _write(self) -> None:
        moved = True
        while moved:
            self.pump.turn(self.now)
            moved = self.work()
            self.link.turn(self.pump, self.now)
        if self.waits_to_write and self.link.blocked:
            self.clock_us = self.out.free_at(self.clock_us)
        else:
            self.writing = False

    def _pay(self, us: int) -> None:
        self.turns += 1
        self.spend(us)
        if self.turn_us and not self.turns % GARBAGE_TURNS:
            self.pauses += 1
            self.spend(GARBAGE_US)

    def has_work(self, now_us: int) -> bool:
        due_us = self.due_us(now_us)
        return due_us is not None and due_us <= now_us

    def due_us(self, now_us: int):
        """Returns when there is work, or None."""
        if not self.begun or self.into.waits(now_us):
            return now_us
        if self.link.blocked and self.out.free(now_us):
            return now_us
        due = self.deadline
        return due if due is None else due * 1000

    @property
    def deadline(self):
        """In ms, or None."""
        due = self.link.poll_timer()
        if self.link.blocked and due is not None:  # it waits for the port, and does not try it
            due = max(due, self.out.free_at(self.clock_us) // 1000 + 1)
        if self.pump.blocked:  # what is due waits for the line, and would be due again at once
            return due
        return earliest(due, self.endpoint.poll_timer())

    def work(self) -> bool:
        """The program; returns whether it did something."""
        return False

    def on_event(self, session, event) -> None:
        if event.kind == EV_OPENED:
            event.stream.accept()
            self.streams.append(event.stream)
            event.stream.context = b""
        elif event.kind == EV_CLOSED:
            self.ended = event.code
        self.work()


class Board(Side):
    """Echoes what comes, and sends `sends` on the first stream where it has something."""

    sends = b""
    sent = 0
    waits_to_write = True

    def __init__(self, desk, ways, profile, turn_ms, byte_us):
        super().__init__(desk, ways, profile, costly(SUITES[SUITE_CHACHA_SHA256], self.spend))
        self.byte_us = byte_us
        self.sent_byte_us = SENT_BYTE_US
        self.turn_us = turn_ms * 1000
        self.clock_us = 0  # its own key it has made before
        self.got = 0

    def work(self) -> bool:
        moved = False
        for stream in self.streams:
            moved = (self._exchange(stream) if self.sends else self._echo(stream)) or moved
        return moved

    def _exchange(self, stream) -> bool:
        n = stream.readable
        if n:
            stream.recv(n)
            self.got += n
        if self.sent < len(self.sends) and not stream.pending:
            taken = stream.send(self.sends, self.sent)
            self.sent += taken
            n += taken
        return n > 0

    def _echo(self, stream) -> bool:
        if stream.state >= 0 and not stream.context and not stream.readable:
            return False
        if stream.pending:
            return False
        data = stream.context or stream.recv(CHUNK)
        n = stream.send(data)
        stream.context = data[n:]
        return n > 0


class Laptop(Side):
    """Opens a stream in each session, sends `sends` on it and keeps what comes back."""

    def __init__(self, desk, ways):
        super().__init__(desk, ways, HOST, SUITES[SUITE_CHACHA_SHA256])
        self.sends = b""
        self.sent = 0
        self.got = bytearray()
        self.session = None
        self.stream = None

    def connect(self, public) -> None:
        self.session = self.endpoint.connect(NEIGHBOUR, public, self.desk.now_us // 1000)
        self.stream = None
        self.begun = False  # the program has done something

    def send(self, data) -> None:
        self.sends = data
        self.sent = 0
        self.got = bytearray()
        self.begun = False

    def close(self) -> None:
        self.session.close(self.desk.now_us // 1000)
        self.begun = False

    def on_event(self, session, event) -> None:
        if event.kind == EV_ACCEPTED:
            self.stream = event.stream
        super().on_event(session, event)

    def work(self) -> bool:
        stream = self.stream
        if stream is None:
            return False
        n = stream.readable
        if n:
            self.got += stream.recv(n)
        if self.sent < len(self.sends) and not stream.pending:
            taken = stream.send(self.sends, self.sent)
            self.sent += taken
            n += taken
        return n > 0


class Desk:
    """`laptop` and `board` on a cable of `baud`, of whose bytes `noise` of 65536 are spoilt.

    The board has it at its console, or with `rxbuf` at a UART that keeps so many bytes.
    """

    def __init__(self, baud=115200, turn_ms=20, noise=0, profile=SMALL, seed=1, rxbuf=0):
        self.what = "%d baud, turns of %d ms, noise %d, seed %d" % (baud, turn_ms, noise, seed)
        self.random = Random(seed)
        self.now_us = 0
        self.baud = baud
        self.turn_ms = turn_ms
        there = Bounded(baud, self.random, noise, UNREAD_MAX)
        if rxbuf:
            there = Uart(baud, self.random, noise, rxbuf)
        back = Bounded(baud, self.random, noise)
        self.laptop = Laptop(self, (there, back))
        self.byte_us = UART_BYTE_US if rxbuf else BYTE_US
        self.board = Board(self, (back, there), profile, turn_ms, self.byte_us)
        self.ways = (there, back)

    def run(self, until, seconds: int) -> int:
        """Lets time pass up to `until()`; returns how much, in us. At most `seconds`."""
        began_us = self.now_us
        end_us = began_us + seconds * 1000000
        while not until():
            assert self.now_us < end_us, "%s: stalled; %d of %d bytes, board: %d; %s" % (
                self.what,
                len(self.laptop.got),
                len(self.laptop.sends),
                self.board.got,
                self.counts,
            )
            self.laptop.step(self.now_us)
            self.board.step(self.now_us)
            if not until():
                self._advance()
        return self.now_us - began_us

    @property
    def counts(self) -> tuple:
        """(fragments, of them sent again, of them needlessly), both ways; abandoned."""
        lines = self.laptop.line, self.board.line
        return tuple(
            sum(getattr(line, name) for line in lines)
            for name in ("_sends", "lost", "needless", "abandoned")
        )

    def connect(self, seconds: int = 60) -> int:
        """A session with a stream; returns how long that took, in us."""
        laptop = self.laptop
        laptop.connect(self.board.node.public)
        took_us = self.run(lambda: laptop.session.mux is not None, seconds)
        laptop.session.open("echo")
        laptop.begun = False
        return took_us + self.run(lambda: laptop.stream is not None, seconds)

    def close(self) -> None:
        """Ends the session in order."""
        self.laptop.close()
        sides = self.laptop, self.board
        self.run(lambda: all(not side.endpoint.sessions for side in sides), 60)
        self.board.streams = []

    def echo(self, size: int, seconds: int) -> int:
        """Bytes there and back; returns how long that took, in us."""
        data = pattern(size, 3)
        laptop = self.laptop
        laptop.send(data)
        took_us = self.run(lambda: len(laptop.got) >= size, seconds)
        assert laptop.got == data, self.what
        return took_us

    def both_ways(self, size: int, seconds: int) -> int:
        """As many bytes there as back, at once."""
        board = self.board
        board.sends = pattern(size, 4)
        board.begun = False
        self.laptop.send(pattern(size, 3))
        took_us = self.run(
            lambda: len(self.laptop.got) >= size and board.got >= size,
            seconds,
        )
        assert self.laptop.got == board.sends, self.what
        return took_us

    def _advance(self) -> None:
        times = []
        for side in (self.laptop, self.board):
            if side.clock_us > self.now_us:
                times.append(side.clock_us)  # busy up to then
                continue
            due_us = side.due_us(self.now_us)
            if due_us is None:
                continue
            if due_us <= self.now_us:
                self.now_us += 1
                return
            times.append(due_us)
        for way in self.ways:
            times += way.next_us()
        later = [at for at in times if at > self.now_us]
        self.now_us = min(later) if later else self.now_us + 1000


def line_us(baud: int, size: int) -> int:
    return size * BITS_A_BYTE * 1000000 // baud
