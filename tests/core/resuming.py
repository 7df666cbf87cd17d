"""A board and a hub that keep tickets, and what their sessions cost."""

from counting import counted
from dsoftbus.const import HOST, SMALL
from dsoftbus.resume.tickets import Tickets
from pairs import drain, events, feed, node

PATH = ("192.0.2.7", 4000)


class Hub:
    """A responder `hub`, and an initiator `board` that comes back to it over streams."""

    def __init__(self, sleeper=False, agrees=True, profile=SMALL, **options):
        self.now = 0
        self.board = node(profile, "board", 1)
        self.hub = node(HOST, "hub", 2)
        self.options = options
        self.board.tickets = self.tickets(self.board, wants_sleep=sleeper)
        self.hub.tickets = self.tickets(self.hub, agrees=agrees)
        self.board_costs = counted(self.board)
        self.hub_costs = counted(self.hub)
        self.wire = []  # of the last session: (whether the board said it, bytes)

    def clock(self) -> int:
        return self.now

    def tickets(self, of, **more) -> Tickets:
        return Tickets(of, self.clock, **more, **self.options)

    @property
    def kept(self):
        return self.board.tickets.kept

    @property
    def taken(self):
        return self.hub.tickets.taken

    def begin(self):
        """(the board's session, the hub's), of which nothing has been said yet."""
        self.wire = []
        self.board_costs.multiplications = self.hub_costs.multiplications = 0
        theirs = self.hub.accept(self.now, PATH)
        mine = self.board.connect(self.hub.public, self.now)
        return mine, theirs

    def move(self, mine, theirs) -> int:
        """One message each way at most; returns how many bytes."""
        return self.say(mine, theirs, True) + self.say(theirs, mine, False)

    def say(self, sender, receiver, by_board: bool) -> int:
        data = drain(sender, self.now)
        if data:
            self.wire.append((by_board, data))
            feed(receiver, data, self.now)
        return len(data)

    def session_of_whoever(self):
        """A whole session, established, whoever the board's place has now."""
        mine, theirs = self.begin()
        while self.move(mine, theirs):
            pass
        assert events(mine) == events(theirs) == [1], (mine.failure, theirs.failure)
        assert mine.handshake_hash == theirs.handshake_hash
        return mine, theirs

    def session(self):
        """A whole session, established; (the board's side, the hub's)."""
        mine, theirs = self.session_of_whoever()
        assert mine.peer_id == self.hub.id and theirs.peer_id == self.board.id
        return mine, theirs

    def costs(self) -> tuple:
        return self.board_costs.multiplications, self.hub_costs.multiplications

    def end(self, mine, theirs) -> None:
        """Both drivers let the session go."""
        for session, at in ((mine, self.board), (theirs, self.hub)):
            session.link_lost()
            events(session)
            at.forget(session)
        self.now += 5000

    def visit(self) -> tuple:
        """A session and its end; returns the multiplications of both sides."""
        self.end(*self.session())
        return self.costs()

    def told(self, byte: int) -> bool:
        """Tells whether the hub has said REFUSE with this code in the last session."""
        return any(not own and data[:4] == bytes((0, 2, 5, byte)) for own, data in self.wire)


class Medium:
    """The board's medium; while it `fails`, writes raise."""

    def __init__(self, hub):
        self.hub = hub
        self.data = b""
        self.writes = 0
        self.fails = False
        hub.kept.store = self.store

    def store(self):
        if self.fails:
            raise OSError(28)
        self.data = self.hub.board.tickets.encode()
        self.writes += 1

    def restart(self):
        """The board starts with what its medium has."""
        hub = self.hub
        hub.board.tickets = hub.tickets(hub.board, wants_sleep=True)
        hub.board.tickets.restore(self.data)
        hub.kept.store = self.store


def only(tickets):
    (ticket,) = tickets
    return ticket


FULL = (4, 4)
DEFAULT = (2, 2)
SLEEPING = (0, 0)
