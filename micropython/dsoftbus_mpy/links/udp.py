"""UDP on MicroPython's asyncio: several sessions on one socket."""

from dsoftbus_aio.datagram_port import DatagramPort
from dsoftbus_mpy.links.sockets import bind
from dsoftbus_mpy.links.udp_link import UdpLink


class UdpPort(DatagramPort):
    """One socket of a bus, on `port`, and the sessions on it."""

    def __init__(self, bus, host: str, port: int):
        self.port, sock = bind(host, port, False)
        try:
            super().__init__(bus, UdpLink(sock))
        except MemoryError:
            sock.close()
            raise
