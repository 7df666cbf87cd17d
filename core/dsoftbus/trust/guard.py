"""The trust of one node: whom its sessions belong to, and what may happen in them.

A driver needs four things of it: `admit` and `join` for every session (`Node` does that),
`next_event`, `poll_timer` with `handle_timer`, and `pending_session`, in which something has
to be sent after a command.
"""

from collections import deque

from dsoftbus.base.ticks import earliest
from dsoftbus.const import (
    EV_KEY_DUE,
    EV_KEY_MOVED,
    EV_NAME_WARNING,
    EV_PAIR_FAILED,
    EV_PAIRED,
    EV_UNPAIRED,
)
from dsoftbus.errors import (
    BAD_STATE,
    NOT_PAIRED,
    OUTSIDE_ACL,
    STORE_FULL,
    TRUST_REVOKED,
    LocalError,
    PeerError,
)
from dsoftbus.mux.events import NodeEvent
from dsoftbus.trust.acl import IN, OUT, Acl
from dsoftbus.trust.pairing_window import PairingWindow
from dsoftbus.trust.session_guard import Control
from dsoftbus.trust.store import Entry

if False:  # for types
    from collections.abc import Callable, Iterable

    from dsoftbus.contracts import Any, Deadline, Keys, Random
    from dsoftbus.mux.stream import Stream
    from dsoftbus.session.session import Session
    from dsoftbus.trust.acl import Rule
    from dsoftbus.trust.message_channel import MessageChannel
    from dsoftbus.trust.rotation import Rotation
    from dsoftbus.trust.store import TrustStore


_EVENTS = 16  # that wait; each comes of a session or a person, which do not flood


# Public


class Guard:
    """`store` is a `TrustStore`, `random(n)` gives nonces, `today()` is the time in s since 1970.

    `grants` are the rules that a peer gets when it is paired.
    """

    def __init__(
        self,
        store: "TrustStore",
        random: "Random",
        today: "Callable[[], int] | None" = None,
        grants: "Iterable[Rule]" = (),
    ) -> None:
        self.store = store
        self.acl = Acl(store)
        self.grants = list(grants)
        self.rotation: Rotation | None = None  # a `Rotation` of this node's own key
        # Ours
        self.desk = PairingWindow(random)
        # (name, other): where a backend knows better what looks alike
        self.alike: Callable[[str, str], bool] | None = None
        self.refresh = _nothing  # called before a peer is judged: a backend may know more by now
        self.wake = _nothing  # called when next_event() or pending_session() has something
        self._today = today
        self._controls: list[Control] = []
        self._events: deque[NodeEvent] = deque((), _EVENTS)
        self._pending_sessions: list[Session] = []
        self.strangers = False  # some may have to leave when the desk closes, or a rule goes
        self._now = 0
        # Where a backend keeps the store in a file: those who wait until it is there (`promise`).
        self.unsaved: list[tuple[Control, MessageChannel]] | None = None

    # Commands

    def pair(self, session: "Session", now: int) -> None:
        """Asks the peer of `session` to pair. Raises LocalError when an attempt cannot begin."""
        if not self.desk.is_open(now):
            self.desk.open(now)
        self._control(session).pair(now)
        self.add_pending(session)

    def confirm(self, digits: str) -> None:
        """The person here agrees to the digits that the pairing under way shows.

        Raises LocalError: WRONG_CODE for other digits, BAD_STATE where nothing is shown.
        """
        control = self.under_way()
        try:
            control.attempt.confirm(digits)  # type: ignore[union-attr] # see `_pairing`
        finally:
            self.add_pending(control.session)

    def cancel(self) -> None:
        """The person here does not agree."""
        control = self.under_way()
        control.attempt.cancel()  # type: ignore[union-attr] # as above
        self.add_pending(control.session)

    def unpair(self, device: str) -> bool:
        """Trusts the peer no more; its sessions end before this returns. False: it was not."""
        entry = self.store.remove(device)
        self._end_sessions(device)
        if entry is not None:
            self.tell(EV_UNPAIRED, device, entry.name)
        return entry is not None

    def rotate(self, next_pair: "Keys", grace_s: int, now: int) -> None:
        """This node will go by `next_pair` in `grace_s` seconds; trusted peers are told.

        EV_KEY_DUE says when. The backend has stored the next secret before it calls this.
        """
        from dsoftbus.trust.rotation import Rotation  # only who changes its key pays for it

        self.rotation = Rotation(next_pair, grace_s, now)
        for control in self._controls:
            control.tell_next_key(now)
            self.add_pending(control.session)

    # Inputs

    def join(self, session: "Session", now: int) -> None:
        """`session` was admitted and is established: as whom? Raises PeerError(STORE_FULL) for one
        more peer that has shown the token."""
        self._now = now
        self._follow_key(session, now)
        stranger = self.store.get(session.peer_id) is None
        by_token = session.by_token and stranger
        if by_token and not session.initiator:
            if not self.trust(session):  # message 3 was sealed with the token
                raise PeerError(STORE_FULL)
        elif stranger:
            self.strangers = True
            self._warn_of_name(session.peer_id, session.peer_name)
        control = Control(self, session)
        if session.reliable is not None:
            session.reliable.gate = control.takes_message
        session.mux.control = control
        self._controls.append(control)
        if by_token and session.initiator:
            control.await_token(now)
        control.tell_next_key(now)

    def handle_timer(self, now: int) -> None:
        self._now = now
        self._dismiss()
        self._age_promises(now)
        change = self.rotation
        if change is not None and change.due(now) and self.tell(EV_KEY_DUE, "", "", 0, change):
            self.rotation = None

    # Outputs

    def poll_timer(self) -> "Deadline":
        """The next deadline in ms, or None. Those of pairings are their sessions'."""
        deadline = self.rotation.poll_timer() if self.rotation is not None else None
        if self.strangers and self.desk.is_open(self._now):
            deadline = earliest(deadline, self.desk.until)
        return deadline

    def next_event(self) -> NodeEvent | None:
        """The oldest event, or None."""
        return self._events.popleft() if self._events else self.acl.next_event()

    # What sessions ask of it

    def tell(
        self, kind: int, device: str, name: str = "", code: int = 0, about: "Any" = None
    ) -> bool:
        """False where there is no place for another event, or no memory."""
        told = len(self._events) < _EVENTS
        try:
            if told:
                self._events.append(NodeEvent(kind, device, name, code, about))
        except MemoryError:
            told = False
        self.wake()
        return told

    def trust(self, session: "Session") -> bool:
        """The peer of `session` has paired. False: there is no place for it in the store."""
        device, name = session.peer_id, session.peer_name
        today = self._today() if self._today else 0
        known = self.store.get(device)
        try:
            if known is None:
                self.store.add(Entry(session.peer_public, name, self.grants, today))
            else:  # what was granted since stays, and so does a next key
                known.name = name
                known.paired_at = today
                self.store.touch()
        except LocalError as error:
            self.tell(EV_PAIR_FAILED, device, name, error.code)
            return False
        self.tell(EV_PAIRED, device, name)
        self._warn_of_name(device, name)
        return True

    # Admission

    def _knows(self, session: "Session", now: int) -> bool:
        """Returns whether the peer is trusted, or shows a key that a trusted one has announced."""
        if self.store.get(session.peer_id) is not None:
            return True
        if not self._age_promises(now):
            return False
        return any(entry.next_public == session.peer_public for entry in self.store.promises())

    def _warn_of_name(self, device: str, name: str) -> None:
        """A name that is known, or looks like one that is, with a key that it did not have."""
        if not name:
            return
        alike = self.alike
        if alike is None:
            from dsoftbus.trust.lookalikes import alike  # once in a while, and given back
        for entry in self.store:
            if entry.id != device and alike(entry.name, name):
                self.tell(EV_NAME_WARNING, device, name, 0, entry)
                return

    def _follow_key(self, session: "Session", now: int) -> None:
        if self._age_promises(now):
            from dsoftbus.trust.promise import follow

            old = follow(self.store, session.peer_public)
            if old is not None:
                self._end_sessions(old.id)
                self.tell(EV_KEY_MOVED, session.peer_id, old.id)

    def _age_promises(self, now: int) -> bool:
        """Drops promises of next keys whose time is over. False: there are none."""
        if not self.store.promises():
            return False
        from dsoftbus.trust.promise import age  # only who has such peers pays for it

        age(self.store, now)
        return True

    # Sessions

    def _control(self, session: "Session") -> Control:
        for control in self._controls:
            if control.session is session:
                return control
        raise LocalError(BAD_STATE, "no such session")

    def _end_sessions(self, device: str) -> None:
        for control in list(self._controls):
            if control.device == device:
                control.session.refuse(TRUST_REVOKED)
                self.add_pending(control.session)

    def _dismiss(self) -> None:
        if self.strangers and not self.desk.is_open(self._now):
            from dsoftbus.trust.window_end import dismiss  # only where somebody may have to leave

            dismiss(self, self._controls)

    def _recheck_stream(self, control: Control, stream: "Stream") -> None:
        if stream.control is not None:
            return
        if control.serves(stream.name):
            stream.want_writable()
            stream.note_writable()  # its driver asks again for what it carries
            self.add_pending(control.session)
        else:
            own = (stream.id % 2 == 1) == control.session.initiator  # odd ids are the initiator's
            direction = OUT if own else IN
            if not self.acl.allows(control.device, direction, stream.name):
                self.deny(control.device, direction, stream.name, OUTSIDE_ACL)
                stream.reset(OUTSIDE_ACL)
                self.add_pending(control.session)

    # Ours: what its node, its sessions and a driver ask of it

    def admit(self, session: "Session", now: int) -> None:
        """A handshake has proved the peer of `session`: may it stay?

        Raises PeerError(NOT_PAIRED), which ends the session. Nothing is changed for the peer yet.
        """
        device = session.peer_id
        if session.initiator or session.by_token:
            return
        self.refresh()
        if self._knows(session, now):
            return
        # A stranger may stay where it could do anything at all: pair, or what `*` may.
        if not (self.desk.is_open(now) or self.acl.welcomes(device)):
            self.deny(device, IN, "", NOT_PAIRED)
            raise PeerError(NOT_PAIRED)

    def recheck(self) -> None:
        """The rules have changed: streams that they do not allow any more are reset, messages that
        wait are dropped, and strangers leave that no rule lets in."""
        for control in self._controls:
            if control.messages is not None:
                control.messages.recheck()
            for stream in control.session.mux.live():
                self._recheck_stream(control, stream)
        self.strangers = True
        self._dismiss()

    def under_way(self) -> Control:
        """The Control of the session in which a pairing is under way, or LocalError(BAD_STATE)."""
        for control in self._controls:
            if control.attempt is not None:
                return control
        raise LocalError(BAD_STATE, "no pairing")

    def add_pending(self, session: "Session") -> None:
        if session not in self._pending_sessions:
            self._pending_sessions.append(session)
        self.wake()

    def pending_session(self) -> "Session | None":
        """A session that wants a turn after a command, or None."""
        return self._pending_sessions.pop(0) if self._pending_sessions else None

    def leave(self, session: "Session") -> None:
        """`session` has ended."""
        control = session.mux.control if session.mux is not None else None
        if control is not None and control in self._controls:
            self._controls.remove(control)  # first, for telling of it may lack memory
            control.session_left()

    def check(self, device: str, direction: int, name: str) -> int:
        """See `Acl.check`."""
        code = self.acl.check(device, direction, name)
        if code:
            self.wake()
        return code

    def deny(self, device: str, direction: int, name: str, code: int) -> None:
        """See `Acl.deny`."""
        self.acl.deny(device, direction, name, code)
        self.wake()


def _nothing() -> None:
    """Stands for a backend that does nothing then."""
