"""UDP on MicroPython's asyncio: several sessions on one socket."""

import asyncio

from dsoftbus_mpy import tcp
from dsoftbus_mpy.datagram_port import DatagramPort
from dsoftbus_mpy.udp_link import UdpLink
from dsoftbus_mpy.waiting import change, readable, writable


class UdpPort(DatagramPort):
    """One socket of a bus, on `port`, and the sessions on it."""

    def __init__(self, bus, host: str, port: int):
        self.port, sock = tcp.bind(host, port, False)
        super().__init__(bus, UdpLink(sock))
        self._tasks = (bus.spawn(self._read_link()), bus.spawn(self._write_link()))

    async def _read_link(self) -> None:
        sock = self._pump.link.socket
        while True:
            await readable(sock)
            if self._read():
                await asyncio.sleep_ms(0)
            self.turn()

    async def _write_link(self) -> None:
        sock = self._pump.link.socket
        while True:
            if self._pump.blocked:
                await writable(sock)
                self.turn()
            else:
                await change(self._blocked)
