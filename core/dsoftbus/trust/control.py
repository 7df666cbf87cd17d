"""What trust does within one session: asked before each stream, with streams of its own."""

from dsoftbus.const import (
    EV_OPENED,
    EV_PAIR_DIGITS,
    EV_PAIR_FAILED,
    KEYS_STREAM,
    KIND_MESSAGES,
    PAIR_STREAM,
    RESERVED_PREFIX,
)
from dsoftbus.errors import (
    BAD_STATE,
    NO_SUCH_SERVICE,
    NOT_PAIRED,
    OUTSIDE_ACL,
    STREAM_KIND_MISMATCH,
    LocalError,
)
from dsoftbus.trust import rotation
from dsoftbus.trust.acl import IN, OUT
from dsoftbus.trust.pairing import AWAIT_NONCE
from dsoftbus.trust.talk import Talk

_PRIORITY = 1  # above the bulk of programs, below what they call most urgent


class Control:
    """Made by `Guard.admit` for `session`; its mux calls `gate` and `on_event`."""

    def __init__(self, guard, session):
        self.device = session.peer_id
        self.session = session
        self.pairing = None  # the attempt in this session, if there is one
        self._guard = guard
        self._awaits_token = False  # the peer has yet to show that it holds the token
        self._own = False  # the stream that is being opened is the bus's own
        self._talks = {}  # by stream id
        self._pair_talk: Talk = None
        self._shown = False  # the program knows the digits

    # What the mux asks

    def gate(self, outgoing: bool, name: str) -> int:
        """0 when a stream with this name may exist, else the code to refuse it with."""
        direction = OUT if outgoing else IN
        if not name.startswith(RESERVED_PREFIX):
            return self._guard.check(self.device, direction, name)
        if outgoing and self._own:
            return 0
        code = OUTSIDE_ACL if outgoing else self._reserved(name)
        if code:
            self._guard.deny(self.device, direction, name, code)
        return code

    def _reserved(self, name: str) -> int:
        if name == PAIR_STREAM:
            self._give_way()
            return self._guard.desk.refusal(self._now)
        if name == KEYS_STREAM:
            return 0 if self._guard.store.get(self.device) else NOT_PAIRED
        return NO_SUCH_SERVICE

    def on_event(self, event) -> None:
        """An event of a stream of the bus's own."""
        stream = event.stream
        if event.kind == EV_OPENED:
            self._on_opened(stream)
        elif stream.id in self._talks:
            self._talks[stream.id].on_event(event)

    def _on_opened(self, stream) -> None:
        try:
            if stream.kind != KIND_MESSAGES:
                raise LocalError(STREAM_KIND_MISMATCH)
            if stream.name == PAIR_STREAM:
                pairing = self._guard.desk.begin(False, self._hash, self._now)
                self._begin(pairing, stream)
            else:
                self._talk(stream, self._on_keys, _ignore)
            stream.accept()
        except LocalError as error:
            stream.reset(error.code)

    def heard(self) -> None:
        """The session has authenticated a record of the peer."""
        if self._awaits_token:
            self._awaits_token = False
            self._guard.trust(self.session)

    def await_token(self, now: int) -> None:
        """The initiator of XKpsk3 knows that the peer holds the token once it has opened a record
        of it: the token enters the keys with the last message, which was this side's own."""
        self._awaits_token = True
        self.session.ping(now)

    def session_left(self) -> None:
        """The session has ended, and so has what was under way in it."""
        if self._awaits_token:
            session = self.session
            code = session.peer_code or session.cause
            self._guard.tell(EV_PAIR_FAILED, self.device, session.peer_name, code)
        if self.pairing is not None:
            self.pairing.stream_lost()
            self._follow_pairing()

    # Time

    def handle_timer(self, now: int) -> None:
        if self.pairing is not None:
            self.pairing.handle_timer(now)
            self._follow_pairing()

    def poll_timer(self):
        return self.pairing.poll_timer() if self.pairing is not None else None

    @property
    def _now(self) -> int:
        """When the peer was last heard, which is what any event here follows from."""
        return self.session.keepalive.heard

    # Pairing

    def pair(self, now: int) -> None:
        """Asks the peer to pair. Raises LocalError when the desk takes no attempt."""
        pairing = self._guard.desk.begin(True, self._hash, now)
        try:
            self._begin(pairing, self._open(PAIR_STREAM))
        except LocalError:
            self._guard.desk.withdraw()
            raise

    def confirm(self, digits: str) -> None:
        """See `Pairing.confirm`."""
        if self.pairing is None:
            raise LocalError(BAD_STATE, "no pairing")
        try:
            self.pairing.confirm(digits)
        finally:
            self._follow_pairing()

    def cancel(self) -> None:
        if self.pairing is not None:
            self.pairing.cancel()
            self._follow_pairing()

    def _begin(self, pairing, stream) -> None:
        self.pairing = pairing
        self._shown = False

        def on_message(talk, message):
            if pairing is self.pairing:
                pairing.receive(message, self._now)
                self._follow_pairing()

        def on_end(code):
            if pairing is self.pairing:
                pairing.stream_lost(code)
                self._follow_pairing()

        self._pair_talk = self._talk(stream, on_message, on_end)
        self._follow_pairing()

    def _follow_pairing(self) -> None:
        """What the state of the pairing asks for: messages, digits to show, its end."""
        pairing = self.pairing
        if pairing is None:
            return
        message = pairing.poll_transmit()
        while message is not None:
            self._pair_talk.send(message)
            message = pairing.poll_transmit()
        if pairing.digits and not self._shown and not pairing.ended:
            self._shown = True
            self._guard.tell(EV_PAIR_DIGITS, self.device, self.session.peer_name, 0, self)
        if pairing.ended and pairing is self.pairing:  # sending may have found its end
            self._settle(pairing)

    def _settle(self, pairing) -> None:
        self.pairing = None
        self._guard.desk.settle()
        self._pair_talk.finish()
        if pairing.paired:
            self._guard.trust(self.session)
        else:
            name = self.session.peer_name
            self._guard.tell(EV_PAIR_FAILED, self.device, name, pairing.code)

    def _give_way(self) -> None:
        """Both sides asked at once: the attempt of the session's initiator stands."""
        pairing = self.pairing
        if pairing is None or self.session.initiator:
            return
        if pairing.opener and pairing.state == AWAIT_NONCE:
            self.pairing = None
            self._guard.desk.withdraw()

    # Key rotation

    def tell_next_key(self, now: int) -> None:
        """Tells the peer this node's next key, once, if it is trusted."""
        change = self._guard.rotation
        if change is None or self.device in change.told:
            return
        if self._guard.store.get(self.device) is None:
            return
        suite = self.session.handshake.suite
        grace_s = change.grace_s(now)
        message = rotation.announce(suite, self.session, change.next_pair, grace_s)
        talk = self._talk(self._open(KEYS_STREAM), self._on_keys, _ignore)
        talk.send(message)
        talk.finish()

    def _on_keys(self, talk, message: bytes) -> None:
        guard = self._guard
        if message == rotation.TAKEN:
            if guard.rotation is not None:
                guard.rotation.told.add(self.device)
            return
        suite = self.session.handshake.suite
        public, grace_s = rotation.accept(suite, self.session, message)
        guard.take_next_key(self.device, public, grace_s, self._now)
        talk.send(rotation.TAKEN)
        talk.finish()

    # Streams

    @property
    def _hash(self) -> bytes:
        return self.session.handshake.handshake_hash

    def _open(self, name: str):
        self._own = True
        try:
            return self.session.open(name, _PRIORITY, KIND_MESSAGES)
        finally:
            self._own = False

    def _talk(self, stream, on_message, on_end) -> Talk:
        def ended(code):
            self._talks.pop(stream.id, None)
            on_end(code)

        talk = Talk(stream, on_message, ended)
        self._talks[stream.id] = talk
        return talk


def _ignore(code: int) -> None:
    """Nothing depends on it: a peer that has not answered is told again next time."""
