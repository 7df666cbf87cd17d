"""Two nodes in one process, over loopback, for tests of both backends."""

from backend import ANYONE, Bus, sleep_ms
from dsoftbus.const import SMALL
from dsoftbus.errors import BusError
from support import Random

HOST = "127.0.0.1"
A, B, C = (Random(n)(32) for n in (1, 2, 3))


class Hasty(SMALL):
    """Deadlines that a test can wait for."""

    handshake_ms = 300
    keepalive_ms = 50
    close_ms = 200


class Open(SMALL):
    """For more handshakes in a row than a small board answers."""

    handshakes = 1000


def bus(key: bytes, name: str = "", profile=SMALL, allow=ANYONE) -> Bus:
    """A node with a board's limits on either backend, which lets everybody in."""
    return Bus(key, name, profile, allow)


async def refused(code: int, awaitable) -> BusError:
    """Awaits the BusError with this code."""
    try:
        await awaitable
    except BusError as error:
        assert error.code == code, error
        return error
    raise AssertionError("nothing was raised")


async def until(condition) -> None:
    while not condition():
        await sleep_ms(1)


class Pair:
    """Two nodes with a session between them: `client` and `server` are its ends."""

    def __init__(self, profile=SMALL):
        self.server_bus = bus(A, "server", profile)
        self.client_bus = bus(B, "client", profile)

    async def __aenter__(self):
        self.port = await self.server_bus.listen(HOST)
        self.client = await self.client_bus.connect(HOST, self.port, self.server_bus.public)
        self.server = await self.server_bus.accept()
        return self

    async def __aexit__(self, kind, error, trace):
        await self.client_bus.close()
        await self.server_bus.close()
