"""UDP for the bare `Loop`: one socket, and all sessions on it."""

import select

from dsoftbus.datagram_pump import DatagramPump
from dsoftbus_mpy.links.sockets import bind
from dsoftbus_mpy.links.udp_link import UdpLink

_AGAIN_MS = 50  # after a lack of memory: what was left undone is tried again
_READS = 16  # datagrams in one turn; then other sockets have theirs


class DrivenPort:
    """An endpoint on a socket of its own, and what poll() is to tell of it."""

    def __init__(self, node, host: str, port: int, on_event):
        self.port, self.socket = bind(host, port, False)
        link = UdpLink(self.socket)
        self.endpoint = node.endpoint(link.mtu)
        self.mask = select.POLLIN
        self._pump = DatagramPump(self.endpoint, link, on_event)
        self._ending = False

    def on_ready(self, flags: int, now: int) -> None:
        try:
            for _ in range(_READS):
                if not self._pump.read(now):
                    return
        except MemoryError:
            pass  # one datagram is lost

    def turn(self, now: int):
        """The next deadline in ms, or None."""
        try:
            self.endpoint.handle_timer(now)
            self._pump.turn(now)
            return self.endpoint.poll_timer()
        except MemoryError:
            return now + _AGAIN_MS

    @property
    def wanted(self) -> int:
        return select.POLLIN | select.POLLOUT if self._pump.blocked else select.POLLIN

    @property
    def finished(self) -> bool:
        """All sessions have ended; who only begins one now is not waited for."""
        if not self._ending:
            return False
        return all(session.half_open for session in self.endpoint.sessions.values())

    def end(self, now: int) -> None:
        self._ending = True
        for session in self.endpoint.sessions.values():
            session.close(now)

    def close(self) -> None:
        self._pump.link.close()
