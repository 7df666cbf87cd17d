"""The path of a session in words, for people. Programs that do not ask do not load this."""

# Ours

from dsoftbus.const import LINK_DATAGRAM
from dsoftbus.session.elsewhere import port_of

if False:  # for types
    from dsoftbus.contracts import Address
    from dsoftbus_aio.connection import Connection


_SOCKADDR = 8  # bytes of an IPv4 address as some ports of MicroPython have it


def path_text(connection: "Connection") -> str:
    """The path of the session: `udp 192.168.1.5:4000`, `serial /dev/ttyACM0`, `tcp HOST:PORT`;
    `from HOST:PORT` where the peer has begun it on a stream link."""
    session = connection.session
    port = port_of(session.endpoint) if session.reliable is not None else None
    links = connection.bus.LINKS
    if port is None:
        route = session.route
        return _over(links[route[0]], route[1:]) if route else _over("from", session.path)
    says = getattr(port, "says", None)  # a link of another kind knows best
    if says is not None:
        text: str = says(session.path)
        return text
    if port.LINE:
        text = "serial " + (port.path or "line")
        return text + " channel %d" % session.path if session.path else text
    return _over(links[LINK_DATAGRAM], session.path)


def _over(link: str, address: "Address") -> str:
    if isinstance(address, (bytes, bytearray)) and len(address) >= _SOCKADDR:
        host = ".".join([str(byte) for byte in address[4:_SOCKADDR]])
        address = (host, address[2] << 8 | address[3])
    if isinstance(address, tuple):
        host = str(address[0])
        address = "%s:%d" % ("[" + host + "]" if ":" in host else host, address[1])
    return link + " " + str(address)
