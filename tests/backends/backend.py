"""The backend of this interpreter, and what tests of both need beside its bus."""

import asyncio
import gc
import struct
import sys

from support import Skip

try:
    import socket
except ImportError:
    raise Skip("this port has no sockets")

import virtual_time

_SO_LINGER = 13  # MicroPython has no name for it
LIMIT_MS = 60000  # ends what hangs; nothing is held to a time

if sys.implementation.name == "micropython":
    from dsoftbus_aio.reconnecting_session import ReconnectingSession as ReconnectingSession
    from dsoftbus_mpy.bare_bus import ANYONE as ANYONE
    from dsoftbus_mpy.bare_bus import BareBus as BareBus

    sleep_ms = asyncio.sleep_ms

    def now_ms(bus) -> int:
        return bus.now()

    def held() -> int:
        """Returns about how many pieces the heap holds: the smallest has 32 bytes on this port."""
        return gc.mem_alloc() // 32

    def run(coroutine):
        """Its result, in virtual time."""
        return virtual_time.run(coroutine, LIMIT_MS)

    def received(sock):
        """Returns the bytes that have come: None for nothing yet, b"" for the end."""
        return sock.read(512)

else:
    from dsoftbus_aio.reconnecting_session import ReconnectingSession as ReconnectingSession
    from dsoftbus_host.bare_bus import ANYONE as ANYONE
    from dsoftbus_host.bare_bus import BareBus as BareBus
    from dsoftbus_host.clock import now_ms as host_now_ms

    def sleep_ms(ms: int):
        return asyncio.sleep(ms / 1000)

    def now_ms(bus) -> int:
        return host_now_ms()

    def held() -> int:
        """Returns how many pieces the heap holds: objects that the collector knows."""
        return len(gc.get_objects())

    def run(coroutine):
        """Its result, in virtual time. No task, future or callback may have been left to
        complain."""
        complaints = []

        async def watched():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _loop, context: complaints.append(context))
            return await coroutine

        result = virtual_time.run(watched(), LIMIT_MS)
        gc.collect()
        assert not complaints, complaints
        return result

    def received(sock):
        """Returns the bytes that have come: None for nothing yet, b"" for the end."""
        try:
            return sock.recv(512)
        except BlockingIOError:
            return None

    def stop_reading(connection) -> None:
        """Leaves incoming bytes with the system."""
        asyncio.get_running_loop().remove_reader(connection._watch.fd)

    def read_again(connection) -> None:
        asyncio.get_running_loop().add_reader(connection._watch.fd, connection._on_readable)

    def narrow(connection, buffer: int = socket.SO_SNDBUF) -> None:
        """The smallest buffer that the system has."""
        connection._pump.link.socket.setsockopt(socket.SOL_SOCKET, buffer, 1)


def silence(connection) -> None:
    """The node stays connected, and does nothing any more."""
    connection._watch.close()
    connection._timer.close()


def raw_peer(host: str, port: int):
    """A connected socket, for a peer that speaks no protocol."""
    sock = socket.socket()
    sock.connect(socket.getaddrinfo(host, port)[0][-1])
    sock.setblocking(False)
    return sock


def deaf_listener(host: str, port: int):
    """A socket that lets peers connect, and never answers."""
    sock = socket.socket()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(socket.getaddrinfo(host, port)[0][-1])
        sock.listen(1)
    except OSError:  # another worker has the port
        sock.close()
        raise
    return sock


def reset(sock) -> None:
    """Closes with a reset, as a peer that has crashed."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def raw_listener(host: str) -> tuple:
    """(port, socket), non-blocking, for a peer that speaks no protocol."""
    for port in range(32000, 32768):  # see free_ports.py
        try:
            sock = deaf_listener(host, port)
        except OSError:
            continue
        sock.setblocking(False)
        return port, sock
    raise AssertionError("no port")


async def drained(sock) -> bytes:
    """Returns the bytes that the other side sends until it closes the link."""
    got = b""
    while True:
        try:
            data = received(sock)
        except OSError:
            return got
        if data == b"":
            return got
        got += data or b""
        await sleep_ms(1)


def cut(connection) -> None:
    """The link goes, and nobody was told."""
    connection._pump.link.close()
