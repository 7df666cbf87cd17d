"""UDP on MicroPython's asyncio: several sessions on one socket."""

import asyncio

from dsoftbus.const import LINK_DATAGRAM, SUITE_CHACHA_SHA256
from dsoftbus_mpy.datagram_port import DatagramPort
from dsoftbus_mpy.sockets import bind, resolve
from dsoftbus_mpy.udp_link import UdpLink
from dsoftbus_mpy.waiting import change, readable, writable


class UdpPort(DatagramPort):
    """One socket of a bus, on `port`, and the sessions on it."""

    def __init__(self, bus, host: str, port: int):
        self.port, sock = bind(host, port, False)
        try:
            super().__init__(bus, UdpLink(sock))
        except MemoryError:
            sock.close()
            raise

    def connect(self, host: str, port: int, public, psk, timeout_ms: int):
        """A connection that begins its handshake with the next turn. Raises OSError."""
        now = self._bus.now()
        path = resolve(host, port)
        route = (LINK_DATAGRAM, host, port)
        session = self.endpoint.connect(path, public, now, SUITE_CHACHA_SHA256, psk, route)
        session.hurry(now + timeout_ms)
        return self.adopt(session)

    async def _read_link(self) -> None:
        await readable(self._pump.link.socket)
        if self._read():
            await asyncio.sleep_ms(0)
        self.turn()

    async def _write_link(self) -> None:
        if self._pump.blocked:
            await writable(self._pump.link.socket)
            self.turn()
        else:
            await change(self._blocked)
