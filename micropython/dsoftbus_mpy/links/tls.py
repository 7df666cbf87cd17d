"""TLS around a TCP link, to a server whose certificate is checked.

A board has no list of authorities: the file has the certificate that is to vouch for the broker's,
in DER.
"""

import errno

from dsoftbus.errors import Unsupported

CA = "broker.ca"


class TlsLink:
    """A stream link over TLS, as TcpLink: nothing of it blocks. The handshake goes on while bytes
    are read and written."""

    def __init__(self, link, context, host: str):
        self._link = link  # the TCP link below
        self._context = context
        self._host = host
        self._sock = None  # over TLS, once the connection is there
        self.waits_for = link.waits_for
        self.connecting = True

    def readinto(self, view):
        """Reads as TcpLink.readinto."""
        return _unless_later(self._secured().readinto, view)

    def write(self, buffer, at: int, stop: int):
        """Writes as TcpLink.write."""
        return _unless_later(self._secured().write, memoryview(buffer)[at:stop])

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
        self._link.close()

    def _secured(self):
        if self._sock is None:
            self._sock = self._context.wrap_socket(
                self.waits_for, server_hostname=self._host, do_handshake_on_connect=False
            )
        return self._sock


def _unless_later(act, view):
    """Returns what `act(view)` gives; None where TLS has to wait for the network."""
    try:
        return act(view)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return None
        raise


def context():
    """The context of TLS to a broker. Raises Unsupported."""
    try:
        import ssl
    except ImportError:
        raise Unsupported("mqtts: this port has no module ssl")
    try:
        with open(CA, "rb") as file:
            data = file.read()
    except OSError:
        raise Unsupported("mqtts: there is no " + CA + ", by which to know the broker")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_mode = ssl.CERT_REQUIRED  # type: ignore[attr-defined] # not in the stubs
    try:
        made.load_verify_locations(cadata=data)
    except (ValueError, OSError):
        raise Unsupported("mqtts: " + CA + " is no certificate in DER")
    return made
