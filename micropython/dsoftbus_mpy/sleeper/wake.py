"""A start after a sleep: the bus gets back what it kept, and so costs no scalar multiplication."""

from dsoftbus.resume.tickets import Tickets
from dsoftbus_mpy.sleeper.kept import Kept, decode, encode, mark

if False:  # for types
    from dsoftbus.crypto.suite import KeyPair

_LEAST = 256  # bytes: for less than that no place is of use


class OwnKey:
    """The node's key pair, whose public half was kept: making it costs a multiplication, which
    only a full handshake needs."""

    def __init__(self, secret: bytes, public: bytes):
        self.public = public
        self._secret = secret
        self._made: KeyPair | None = None

    def exchange(self, public) -> bytes:
        """The 32-byte shared secret; all zeros for a point of low order."""
        if self._made is None:
            from dsoftbus_mpy.crypto import keypair

            self._made = keypair(self._secret)
        return self._made.exchange(public)


class Sleeper:
    """The keeper of one bus: it has what outlives a sleep, in a place of `places`."""

    def __init__(self, place):
        self._place = place
        self._most = place.most
        self.kept = self._load()
        self._bus = None

    def _load(self) -> Kept:
        try:
            return decode(self._place.load())
        except OSError:
            return Kept()

    def key(self, secret: bytes):
        """The node's key, for a bus that is made: a pair, where the public half was kept."""
        known = mark(secret)
        if self.kept.mark != known:
            self.kept = Kept()  # of another node, or none
            self.kept.mark = known
            return secret
        return OwnKey(secret, self.kept.public)

    def attach(self, bus) -> None:
        """Gives `bus` its tickets and its routes; nothing of its topics stays in the place, for
        what this start publishes is not in it."""
        self._bus = bus
        kept, node = self.kept, bus.node
        kept.wakes += 1
        kept.public = node.public
        node.tickets = Tickets(node, bus.now, wants_sleep=True, takes=False)
        node.tickets.restore(kept.tickets, kept.slept_ms)
        node.tickets.kept.store = self.store
        peers = node.discover()
        for public in kept.routes:
            peers.know(public).fixed = kept.routes[public]
        kept.slept_ms = 0
        topics, kept.topics = kept.topics, []
        if topics:
            self._write()
            self._publish(topics)

    @property
    def knows_routes(self) -> bool:
        """Tells whether a peer may be reached without discovery."""
        return len(self.kept.routes) > 0

    def lost(self, device: str) -> None:
        """The peer with this id is not where it was."""
        peer = self._bus.node.peers.get(device)
        if peer is not None:
            peer.fixed = None
            self.kept.routes.pop(peer.public, None)

    def store(self) -> None:
        """Keeps what the node has now. Raises OSError, ValueError: it could not be kept."""
        kept = self.kept
        kept.tickets = self._bus.node.tickets.encode()
        for session in self._bus.node.sessions:
            if session.route is not None and session.peer_public is not None:
                kept.routes[session.peer_public] = session.route
        self._write()

    def _write(self) -> None:
        while True:
            try:
                self._place.store(encode(self.kept, self._most))
                return
            except ValueError:  # the place is smaller than it says
                if self._most <= _LEAST:
                    raise
                self._most //= 2

    def _publish(self, topics: list) -> None:
        """The topics go on where they were: nobody hears again what it has heard."""
        from dsoftbus_mpy.sleeper.topics import restore

        restore(self._bus, self.kept.epoch, topics)
