"""An endpoint: several datagram sessions on one socket, told apart by connection id.

A driver feeds `receive_datagram` and `handle_timer`, then takes `next_event` (of `session`) and
`poll_transmit` (for `path`) until there is nothing, and sleeps until `poll_timer`. A path is what
the driver calls an address: anything that can be compared and has a stable `repr`.
"""

from dsoftbus.base.codec import get_u32
from dsoftbus.base.ticks import earliest
from dsoftbus.const import (
    DATAGRAM_MIN,
    FLIGHT_HEADER,
    PKT_COOKIE,
    REC_INIT,
    REC_PROTECTED,
    SUITE_CHACHA_SHA256,
    U30_MAX,
)
from dsoftbus.errors import (
    BAD_ARGUMENT,
    END_NO_MEMORY,
    SESSION_LIMIT,
    LocalError,
)
from dsoftbus.packet import drops
from dsoftbus.session.datagram_session import DatagramSession
from dsoftbus.session.session import CLOSED

if False:  # for types
    from dsoftbus.contracts import Address, Any, Buffer, Data, Deadline, Route
    from dsoftbus.mux.events import Event
    from dsoftbus.session.point_to_point import PointToPoint
    from dsoftbus.session.session_table import SessionTable


class Endpoint:
    """`node`: a SessionTable. `mtu`: the longest datagram of the link, 200 or more.

    `medium` says what kind of link that is: a `PointToPoint`, or a `SharedNetwork`.
    """

    # For those who were refused when they had shown their key: see `flights`.
    last_words: "list[list[Any]] | tuple[()]" = ()

    def __init__(self, node: "SessionTable", mtu: int, medium: "PointToPoint") -> None:
        if mtu < DATAGRAM_MIN:
            raise LocalError(BAD_ARGUMENT, "datagrams of at least 200 bytes")
        self.local = node.local
        self.datagram_bytes = min(mtu, node.profile.datagram_bytes)
        self.drops = drops.Drops()
        self.path: Address = None  # where the datagram goes that poll_transmit gave last
        self.session: DatagramSession | None = None  # whose event next_event gave last
        self.sessions: dict[int, DatagramSession] = {}  # by connection id
        self.node = node
        # By ephemeral key: the responder sessions.
        self.openings: dict[bytes, DatagramSession] = {}
        # Those of them that are not established, the oldest first.
        self.half_open: list[DatagramSession] = []
        self.answers: list[tuple[Data, Address]] = []  # (datagram, path), which late modules make
        self.medium = medium
        self._sending: DatagramSession | None = None
        # For a driver: which session a fault came from
        self.at_work: DatagramSession | None = None

    # Commands

    def connect(
        self,
        path: "Address",
        peer_public: bytes,
        now: int,
        suite: int = SUITE_CHACHA_SHA256,
        psk: bytes | None = None,
        route: "Route | None" = None,
    ) -> DatagramSession:
        """A session to the node at `path` whose key is `peer_public`; `psk`, `route` as in
        `Node.connect`."""
        if self.node.full:
            raise LocalError(SESSION_LIMIT)
        local = self.local if psk is None else self.local.with_psk(psk)
        number = self.free_id()
        session = DatagramSession(self, local, now, path, number, number, peer_public, suite)
        if route is not None:
            session.route = route
        return self.add(session)

    # Inputs

    def receive_datagram(self, data: "Buffer", path: "Address", now: int, stop: int = -1) -> None:
        """The datagram `data[:stop]` from `path`. Never raises for what is in it.

        `data` is a bytearray, in which packets are opened: afterwards it is spent.
        """
        self.at_work = None
        if stop < 0:
            stop = len(data)
        if stop <= FLIGHT_HEADER:
            self.drops.add(drops.TRUNCATED)
        elif stop > self.datagram_bytes:
            self.drops.add(drops.OVERSIZE)
        elif not REC_INIT <= data[0] <= PKT_COOKIE:
            self.drops.add(drops.UNKNOWN_TYPE)
        elif data[0] == REC_INIT:
            from dsoftbus.session.incoming import on_init  # for a while, as `handshake` says

            on_init(self, data, stop, path, now)
        else:
            number = get_u32(data, 1)
            session = self.sessions.get(number)
            if session is not None:
                self.at_work = session
                session.receive_datagram(data, stop, path, now)
            elif data[0] == REC_PROTECTED and self.node.session(number) is not None:
                from dsoftbus.session.elsewhere import receive  # only who has more links pays

                receive(self, number, data, stop, path, now)
            else:
                self.drops.add(drops.UNKNOWN_CONNECTION)
                if self.last_words:
                    from dsoftbus.session.flights import say_again

                    say_again(self, number, path, now)

    def handle_timer(self, now: int) -> None:
        for session in self.sessions.values():
            self.at_work = session
            session.handle_timer(now)

    # Outputs

    def poll_transmit(self, out: "Buffer", now: int) -> int:
        """Writes one datagram into `out` (as long as the link's longest); returns its length.

        It goes to `path`. The caller asks again until there is nothing.
        """
        if self.answers:
            answer, self.path = self.answers.pop(0)
            out[: len(answer)] = answer
            return len(answer)
        last = self._sending  # may have more, and is not asked twice
        if last is not None:
            n = self._transmit(last, out, now)
            if n:
                return n
        for session in self.sessions.values():
            if session is not last:
                n = self._transmit(session, out, now)
                if n:
                    return n
        self.forget_finished()
        return 0

    def poll_timer(self) -> "Deadline":
        """The next deadline of any session in ms, or None."""
        deadline = None
        for session in self.sessions.values():
            self.at_work = session
            deadline = earliest(deadline, session.poll_timer())
        return deadline

    def next_event(self) -> "Event | None":
        """The oldest event of some session, which is then `session`; or None.

        A peer that never authenticated itself causes none.
        """
        for session in self.sessions.values():
            if session.initiator or session.mux is not None:
                self.at_work = session
                event = session.next_event()
                if event is not None:
                    self.session = session
                    return event
        return None

    def _transmit(self, session: DatagramSession, out: "Buffer", now: int) -> int:
        self.at_work = session
        n = session.poll_transmit(out, now)
        self._sending = session if n else None
        self.path = session.path
        return n

    # The table

    def free_id(self) -> int:
        while True:
            raw = bytearray(self.local.random(4))
            raw[0] &= U30_MAX >> 24
            number = get_u32(raw, 0)
            if number not in self.sessions and self.node.session(number) is None:
                return number

    def add(self, session: DatagramSession) -> DatagramSession:
        try:
            self.sessions[session.connection] = session
            return self.node.add(session)
        except MemoryError:
            session.refuse(END_NO_MEMORY)
            self.forget(session)
            raise

    def forget_finished(self) -> None:
        done = None  # a list only when it is needed: this runs after every turn
        for session in self.sessions.values():
            nobody = session.mux is None and not session.initiator
            if (
                session.state == CLOSED
                and session.finished
                and (session.close_delivered or nobody)
            ):
                done = done or []
                done.append(session)
        for session in done or ():
            self.forget(session)

    def forget(self, session: DatagramSession) -> None:
        self.leave(session)
        self.node.forget(session)

    def leave(self, session: DatagramSession) -> None:
        """`session` is no more, or goes on at another endpoint."""
        self.sessions.pop(session.connection, None)
        self.openings.pop(session.opening, None)
        if session in self.half_open:
            self.half_open.remove(session)
        if session is self._sending:
            self._sending = None
        if session is self.session:
            self.session = None
        if session is self.at_work:
            self.at_work = None
