"""A network of datagram links: paths with faults between addresses."""

from collections import deque

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Buffer
    from dsoftbus_sim.chance import Chance
    from dsoftbus_sim.faults import Faults
    from dsoftbus_sim.world import World


_WAITING = 256  # datagrams that a node has not read: as a socket's buffer, what comes then is lost


class Path:
    """One way from one address to another; it keeps what is under way."""

    def __init__(self, world: "World", faults: "Faults") -> None:
        self._world = world
        self.faults = faults
        self.up = True
        self.sent = 0
        self.lost = 0
        self._bad = False
        self._free_us = 0  # when the bandwidth is free for the next datagram

    def send(self, data: bytes, deliver: "Callable[[bytes], None]") -> None:
        """`deliver(data)` is called once, twice, late or never."""
        faults = self.faults
        chance = self._world.chance
        self.sent += 1
        sent_us = self._queue(len(data))
        if sent_us < 0 or not self._passes(data):
            self.lost += 1
            return
        if chance.happens(faults.corrupt):
            data = _corrupted(data, chance)
        self._arrive(sent_us, data, deliver)
        if chance.happens(faults.duplicate):
            self._arrive(sent_us, data, deliver)

    @property
    def wait_us(self) -> int:
        """Returns how long a datagram that is sent now waits for those before it."""
        return max(self._free_us - self._world.now_us, 0)

    def _queue(self, n: int) -> int:
        """Returns when the last byte will have left, in us, or -1 where the queue is full."""
        now_us = self._world.now_us
        rate = self.faults.kilobytes_s
        if not rate:
            return now_us
        begin_us = max(self._free_us, now_us)
        if (begin_us - now_us) * rate // 1000 + n > self.faults.queue_bytes:
            return -1
        self._free_us = begin_us + n * 1000 // rate
        return self._free_us

    def _passes(self, data: bytes) -> bool:
        faults = self.faults
        chance = self._world.chance
        if self._bad:
            self._bad = not chance.happens(faults.burst_end)
        else:
            self._bad = chance.happens(faults.burst_begin)
        if self._bad or not self.up or len(data) > faults.mtu:
            return False
        return not chance.happens(faults.loss)

    def _arrive(self, sent_us: int, data: bytes, deliver: "Callable[[bytes], None]") -> None:
        faults = self.faults
        late_ms = 0
        if self._world.chance.happens(faults.reorder):
            late_ms = self._world.chance.below(faults.reorder_ms + 1)
        arrival_us = sent_us + (faults.latency_ms + late_ms) * 1000
        self._world.at(arrival_us, lambda: deliver(data))


class Network:
    """Addresses are small ints. Paths are made when they are first used, with `faults`."""

    def __init__(self, world: "World", faults: "Faults") -> None:
        self.world = world
        self._faults = faults
        self._links: dict[int, SimLink] = {}
        self._paths: dict[tuple[int, int], Path] = {}
        self._next = 1
        self.watch = None  # called with (source, destination, data) of all that is sent

    def attach(self, on_datagram: "Callable[[], None]") -> "SimLink":
        """A new link with an address of its own; `on_datagram()` says that it can be read."""
        link = SimLink(self, self.fresh_address(), on_datagram)
        self._links[link.address] = link
        return link

    def fresh_address(self) -> int:
        self._next += 1
        return self._next - 1

    def move(self, link: "SimLink") -> None:
        """The link has a new address from now on; what is under way to the old one is lost."""
        del self._links[link.address]
        link.address = self.fresh_address()
        self._links[link.address] = link

    def detach(self, link: "SimLink") -> None:
        self._links.pop(link.address, None)

    def path(self, source: int, destination: int) -> Path:
        key = (source, destination)
        if key not in self._paths:
            self._paths[key] = Path(self.world, self._faults)
        return self._paths[key]

    def lead(self, source: int, destination: int, path: Path) -> None:
        """The way from `source` to `destination` is `path`, which others may share."""
        self._paths[(source, destination)] = path

    @property
    def totals(self) -> tuple[int, int]:
        """Returns the sums over all paths: (datagrams sent, datagrams lost)."""
        paths = self._paths.values()
        return sum(path.sent for path in paths), sum(path.lost for path in paths)

    def part(self, one: int, other: int, apart: bool = True) -> None:
        """Cuts both ways between two addresses, or joins them again."""
        self.path(one, other).up = self.path(other, one).up = not apart

    def send(self, source: int, destination: int, data: bytes) -> None:
        """A datagram on its way; `source` may be a lie."""
        if self.watch is not None:
            self.watch(source, destination, data)

        def deliver(arrived: bytes) -> None:
            link = self._links.get(destination)
            if link is not None:
                link.put(arrived, source)

        self.path(source, destination).send(data, deliver)


class SimLink:
    """The datagram link of one node (docs/porting.md): never blocks, may lose all it is given."""

    def __init__(
        self, network: "Network", address: int, on_datagram: "Callable[[], None]"
    ) -> None:
        self._network = network
        self._on_datagram = on_datagram
        self._waiting: deque[tuple[bytes, int]] = deque((), _WAITING)
        self.address = address
        self.mtu = 1200

    def put(self, data: bytes, source: int) -> None:
        if len(self._waiting) < _WAITING:
            self._waiting.append((data, source))
        self._on_datagram()

    def recvfrom_into(self, buffer: "Buffer") -> tuple[int, int] | None:
        if not self._waiting:
            return None
        data, source = self._waiting.popleft()
        n = min(len(data), len(buffer))
        buffer[:n] = memoryview(data)[:n]
        return n, source

    def sendto(self, buffer: "Buffer", n: int, path: int) -> bool:
        self._network.send(self.address, path, bytes(memoryview(buffer)[:n]))
        return True

    def close(self) -> None:
        self._network.detach(self)


def _corrupted(data: bytes, chance: "Chance") -> bytes:
    changed = bytearray(data)
    changed[chance.below(len(data))] ^= 1 << chance.below(8)
    return bytes(changed)
