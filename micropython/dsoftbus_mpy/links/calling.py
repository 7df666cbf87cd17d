"""Sessions that begin here, on MicroPython's sockets."""

from dsoftbus.const import LINK_DATAGRAM, LINK_STREAM, SUITE_CHACHA_SHA256


def begin(bus, link: str, host: str, port: int, public, deadline: int, psk, suite: int):
    """A connection of `bus` that has begun its handshake. Raises BusError, OSError."""
    suite = suite or SUITE_CHACHA_SHA256
    if link == "tcp":
        from dsoftbus_mpy.links.tcp import connect

        way = connect(host, port)
        return bus.streams.begin(way, public, suite, psk, (LINK_STREAM, host, port), deadline)
    from dsoftbus_mpy.links.sockets import resolve

    path = resolve(host, port)
    bus.calling = bus.calling or bus.open_udp("", 0)
    return bus.calling.begin(path, public, suite, psk, (LINK_DATAGRAM, host, port), deadline)
