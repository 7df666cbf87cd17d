"""An endpoint of many sessions: those that have something to do stand in queues.

A session is awake from its datagram, its deadline or a command on (`wake`), until it has nothing
to tell and nothing to send. Nobody looks at those that sleep, but at the earliest of their
deadlines. Boards, whose few sessions are walked over quicker, do without this module.
"""

from collections import deque

from dsoftbus.base.deadlines import Deadlines
from dsoftbus.packet.rtt import ACK_DELAY_MS
from dsoftbus.packet.wide import WideReliable
from dsoftbus.session.endpoint import Endpoint
from dsoftbus.session.session import CLOSED, ESTABLISHED

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Address, Buffer, Deadline
    from dsoftbus.mux.events import Event
    from dsoftbus.session.datagram_session import DatagramSession
    from dsoftbus.session.point_to_point import PointToPoint
    from dsoftbus.session.session_table import SessionTable


_FAR_MS = 2000
_STEP_MS = 500
BURST = 8  # datagrams of one session, while others have something to send


class HubEndpoint(Endpoint):
    """Does what `Endpoint` does, at a cost that does not grow with the sessions that sleep.

    Its driver calls `wake` after each command to a session. `allowance` bounds how many datagrams
    `poll_transmit` gives until the driver renews it (None: no bound); `busy` tells whether some
    are left, `pressing` whether one of those has to be asked soon: else within the time that an
    acknowledgement may wait. `on_forgotten(session)` hears of each session that is no more.
    """

    def __init__(self, node: "SessionTable", mtu: int, medium: "PointToPoint") -> None:
        super().__init__(node, mtu, medium)
        self.allowance: int | None = None
        self.pressing = False  # what has come since the driver cleared this wants an answer now
        self.on_forgotten: Callable[[DatagramSession], object] = _nothing
        self.ended: dict[int, DatagramSession] = {}  # by connection id: closed, with more to say
        self._deadlines = Deadlines()  # by connection id, of all that sleep
        self._senders: deque[DatagramSession] = deque()
        self._tellers: deque[DatagramSession] = deque()
        self._sends: set[DatagramSession] = set()  # those in `_senders`
        self._tells: set[DatagramSession] = set()  # those in `_tellers`
        self._given = 0  # datagrams in a row of the first of `_senders`

    def wake(self, session: "DatagramSession") -> None:
        """`session` has its turn in the next `next_event` and `poll_transmit`."""
        self.ask(session)
        self._may_tell(session)

    def ask(self, session: "DatagramSession") -> None:
        """`session` has its turn in the next `poll_transmit`, and then in `next_event`: enough
        after a command, unless the link takes nothing."""
        if session not in self._sends:
            self._sends.add(session)
            self._senders.append(session)

    @property
    def busy(self) -> bool:
        """Tells whether some session waits to be asked for datagrams."""
        return bool(self._senders or self.answers)

    # Inputs

    def receive_datagram(self, data: "Buffer", path: "Address", now: int, stop: int = -1) -> None:
        super().receive_datagram(data, path, now, stop)
        session = self.at_work
        if session is not None:
            self.wake(session)
        if not self.pressing:
            self.pressing = session is None or _presses(session, now) or len(self.answers) > 0

    def handle_timer(self, now: int) -> None:
        """Wakes those whose deadline is over. One that has moved away since is put back."""
        deadlines = self._deadlines
        number = deadlines.take(now)
        while number >= 0:
            session = self.at_work = self.sessions[number]
            deadline = session.poll_timer()
            if deadline is None or deadline > now:
                deadlines.put(number, _together(deadline, now))
            else:
                self.wake(session)
                session.handle_timer(now)
            number = deadlines.take(now)

    def time_waiting(self, now: int) -> None:
        """The link takes nothing: those that wait for it have deadlines all the same."""
        for session in self._senders:
            self._note_deadline(session, now)

    # Outputs

    def poll_transmit(self, out: "Buffer", now: int) -> int:
        if self.allowance is not None:
            if not self.allowance:
                return 0
            self.allowance -= 1
        if self.answers:
            return super().poll_transmit(out, now)
        while self._senders:
            session = self._senders[0]
            n = self._transmit(session, out, now)
            if n:
                if _presses(session, now):
                    self._count()
                else:
                    self._leave(session, now, now + ACK_DELAY_MS)
                return n
            self._leave(session, now)
        return 0

    def poll_timer(self) -> "Deadline":
        """The next deadline in ms of a session that sleeps, or None; it may come early."""
        return self._deadlines.first()

    def next_event(self) -> "Event | None":
        tellers = self._tellers
        while tellers:
            session = tellers[0]
            self.at_work = session
            event = session.next_event() if self._has_program(session) else None
            if event is not None:
                self.session = session
                return event
            tellers.popleft()
            self._tells.discard(session)
            if session.state == CLOSED:
                self._part(session)
        return None

    def _has(self, session: "DatagramSession") -> bool:
        """False for one that was forgotten while it was awake."""
        return self.sessions.get(session.connection) is session

    def _has_program(self, session: "DatagramSession") -> bool:
        return (session.initiator or session.mux is not None) and self._has(session)

    def _may_tell(self, session: "DatagramSession") -> None:
        if session not in self._tells:
            self._tells.add(session)
            self._tellers.append(session)

    def _count(self) -> None:
        """The first in the queue has sent one more: it goes to the end after some."""
        self._given += 1
        if self._given >= BURST:
            self._given = 0
            self._senders.rotate(-1)

    def _leave(self, session: "DatagramSession", now: int, until: int = -1) -> None:
        """The first in the queue has nothing to send: it sleeps until its deadline. One that is
        known already, and comes before `until`, is early enough."""
        self._given = 0
        self._senders.popleft()
        self._sends.discard(session)
        if self._has(session):
            if not self._deadlines.early(session.connection, until):
                self._note_deadline(session, now)
            if session.state != ESTABLISHED or session.mux.first_event is not None:
                self._may_tell(session)

    def _note_deadline(self, session: "DatagramSession", now: int) -> None:
        self.at_work = session
        self._deadlines.put(session.connection, _together(session.poll_timer(), now))

    # The table

    def add(self, session: "DatagramSession") -> "DatagramSession":
        added = super().add(session)
        self.wake(added)
        return added

    def forget_finished(self) -> None:
        for session in list(self.ended.values()):
            self._part(session)

    def _part(self, session: "DatagramSession") -> None:
        """`session` is closed: forgets it once all is said, here and to the peer."""
        nobody = session.mux is None and not session.initiator
        if session.finished and (session.close_delivered or nobody):
            self.forget(session)
        elif self._has(session):
            self.ended[session.connection] = session

    def forget(self, session: "DatagramSession") -> None:
        known = self._has(session)
        super().forget(session)
        if known:
            self.on_forgotten(session)

    def leave(self, session: "DatagramSession") -> None:
        known = self._has(session)
        super().leave(session)
        if session in self._sends:
            self._sends.discard(session)
            self._senders.remove(session)
        if session in self._tells:
            self._tells.discard(session)
            self._tellers.remove(session)
        if known:
            self.ended.pop(session.connection, None)
            self._deadlines.put(session.connection, None)


def _presses(session: "DatagramSession", now: int) -> bool:
    """Tells whether `session` has more to say now than an acknowledgement that may wait for what
    its program answers, or may have before such an acknowledgement is due."""
    if session.state != ESTABLISHED or session.flight_at is not None:
        return True
    reliable = session.reliable
    return not isinstance(reliable, WideReliable) or reliable.presses(session.mux, now)


def _together(deadline: "Deadline", now: int) -> "Deadline":
    """A far deadline comes early, with others: most of them will have moved away by then."""
    if deadline is None or deadline - now <= _FAR_MS:
        return deadline
    return deadline - deadline % _STEP_MS


def _nothing(_session: "DatagramSession") -> None:
    """Stands for a driver that keeps nothing for its sessions."""
