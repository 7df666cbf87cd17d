"""Two nodes in one process, over loopback, for tests of both backends."""

from backend import ANYONE, BareBus, sleep_ms
from dsoftbus.const import SMALL
from dsoftbus.errors import BusError
from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus.trust.store import Entry, TrustStore
from support import Random

HOST = "127.0.0.1"
A, B, C = (Random(n)(32) for n in (1, 2, 3))


class Hasty(SMALL):
    """Deadlines that a test can wait for."""

    handshake_ms = 300
    keepalive_ms = 50
    close_ms = 200


class Open(SMALL):
    """It takes more handshakes in a row than a small board answers."""

    handshakes = 1000


def bus(key: bytes, name: str = "", profile=SMALL, allow=ANYONE) -> BareBus:
    """A node with a board's limits on either backend, which lets everybody in."""
    return BareBus(key, name, profile, allow)


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


class Ruled:
    """A server with rules for its one peer, and that peer's session. It answers two calls."""

    def __init__(self, *grants):
        self.store = TrustStore(SMALL)
        self.entry = Entry(BareBus(B).public, "peer", [grant(text) for text in grants])
        self.store.add(self.entry)
        self.guard = Guard(self.store, Random(9))
        self.server = BareBus(A, "server", SMALL, None, None, self.guard)
        self.client_bus = BareBus(B, "client", SMALL, ANYONE)
        self.called = []
        for name in ("light", "door"):
            self.server.call(name)(self.answer)

    def answer(self, _connection, value):
        self.called.append(value)

    async def __aenter__(self):
        port = await self.server.listen(HOST)
        self.client = await self.client_bus.connect(HOST, port, self.server.public)
        await until(lambda: self.server.connections(self.client_bus.id))
        return self

    async def __aexit__(self, kind, error, trace):
        await self.client_bus.close()
        await self.server.close()

    def turn(self) -> None:
        """As housekeeping does it, after the rules have changed."""
        self.guard.recheck()
        session = self.guard.pending_session()
        while session is not None:
            self.server.turn(session)
            session = self.guard.pending_session()
