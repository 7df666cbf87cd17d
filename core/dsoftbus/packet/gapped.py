"""The protection of a session that comes from a cable to a network: see `session.elsewhere`."""

from dsoftbus.packet.gaps import GappedProtect

if False:  # for types
    from dsoftbus.contracts import Random
    from dsoftbus.packet.packets import DatagramProtect


class Gapped(GappedProtect):
    """Goes on where `before` was, which left no numbers out."""

    def __init__(self, random: "Random", before: "DatagramProtect") -> None:
        super().__init__(random, before._send, before._receive, before._connection, 1)
        self._send = before._send
        self._receive = before._receive
        self._earlier = before._earlier
        self._later = before._later
        self._phase = before._phase
        self._window = before._window
        self._connection = before._connection
        self.number = before.number
        self.newest = before.newest
