"""A simulated serial cable for the portable tests: byte times, delay, noise; both ways."""

from math import log

from dsoftbus.line.line import FRAME_ROOM, Line

BITS_A_BYTE = 10  # 8N1: a start bit, eight, a stop bit
NEVER = 1 << 29  # bytes: no test sends as many
END_US = (1 << 30) - 1  # a small int everywhere, and later than all that a test does


class Way:
    """Carries from one port to the other. `noise` of 65536 bytes are spoilt."""

    def __init__(self, baud: int, random, noise: int = 0, delay_us: int = 2000):
        self.us_a_byte = BITS_A_BYTE * 1000000 // baud
        self.carried = 0  # bytes
        self._random = random
        self.noise = noise
        self._delay_us = delay_us
        self._free_us = 0
        self._under_way = []
        self.arrives_us = END_US  # when the first of what is under way does

    @property
    def noise(self) -> int:
        return self._noise

    @noise.setter
    def noise(self, noise: int) -> None:
        self._noise = noise
        self._clean = self._until_spoilt()

    def _until_spoilt(self) -> int:
        """Draws how many bytes arrive before the next that does not, each with the same chance:
        one draw for all of them."""
        if not self._noise:
            return NEVER
        return int(log((self._random.bits16() + 1) / 65536) / log(1 - self._noise / 65536))

    def free(self, now_us: int) -> bool:
        """Tells whether the port's buffer is empty."""
        return now_us >= self._free_us

    def put(self, data, now_us: int) -> None:
        data = bytearray(data)
        while self._clean < len(data):
            data[self._clean] ^= 1 + self._random.below(255)
            self._clean += 1 + self._until_spoilt()
        self._clean -= len(data)
        self.carried += len(data)
        self._free_us = max(self._free_us, now_us) + len(data) * self.us_a_byte
        at_us = self._free_us + self._delay_us
        self._under_way.append((at_us, data))
        self.arrives_us = min(self.arrives_us, at_us)

    def get(self, now_us: int):
        """Returns the bytes that have arrived by now."""
        arrived = b""
        while self._under_way and self._under_way[0][0] <= now_us:
            arrived += self._under_way.pop(0)[1]
        if arrived:
            self.arrives_us = self._under_way[0][0] if self._under_way else END_US
        return arrived

    def next_us(self):
        """Returns when something happens here next, in us: it is free again, or something
        arrives."""
        times = [at for at, _ in self._under_way[:1]] + [self._free_us]
        return times

    def after(self, now_us: int) -> int:
        """Returns the first of these that is after `now_us`; END_US if none is."""
        free_us = self._free_us if self._free_us > now_us else END_US
        return self.arrives_us if now_us < self.arrives_us < free_us else free_us


class Cable:
    """Two Lines on a cable, in virtual time. `turn(side)` is called whenever something moved."""

    def __init__(self, random, baud=115200, noise=0, mtu=1200, slots=(16, 16)):
        self.now_us = 0
        self.arrived_us = 0  # when the last datagram did
        self.lines = [Line(random.bits16(), mtu, slots[0]), Line(random.bits16(), mtu, slots[1])]
        self.ways = [Way(baud, random, noise), Way(baud, random, noise)]
        self._out = bytearray(FRAME_ROOM)

    @property
    def now(self) -> int:
        return self.now_us // 1000

    def step(self) -> bool:
        """Moves what can move, then the clock; False when nothing is left to wait for."""
        now_us = self.now_us
        for side in range(2):
            way = self.ways[side]
            if way.free(now_us):
                self._transmit(side, way)
            if way.arrives_us <= now_us:
                self.deliver(1 - side, way.get(now_us))
            self.lines[side].handle_timer(now_us // 1000)
        return self._advance()

    def _transmit(self, side: int, way: Way) -> None:
        n = self.lines[side].poll_transmit(self._out, self.now)
        if n:
            way.put(memoryview(self._out)[:n], self.now_us)

    def deliver(self, side: int, data) -> None:
        line = self.lines[side]
        at = 0
        while at < len(data):
            view = line.space()
            n = min(len(view), len(data) - at)
            view[:n] = data[at : at + n]
            line.filled(n, self.now)
            at += n

    def _next_us(self) -> int:
        """Returns when something is due next, after now; END_US if nothing is."""
        now_us = self.now_us
        next_us = min(self.ways[0].after(now_us), self.ways[1].after(now_us))
        for line in self.lines:
            due = line.poll_timer()
            if due is not None and now_us < due * 1000 < next_us:
                next_us = due * 1000
            if next_us > now_us + 1000 and has_output(line):
                next_us = now_us + 1000
        return next_us

    def _advance(self) -> bool:
        next_us = self._next_us()
        if next_us == END_US:
            return False
        self.now_us = next_us
        return True


def has_output(line) -> bool:
    """True when poll_transmit() has something to give now."""
    if line._ack_at == 0 or min(line._order) == -2:
        return True
    return line._out_at < line._out_stop and (line._seq - line._base) & 255 < line._window
