"""What trust does within one session: asked before each stream, with streams of its own."""

from dsoftbus.const import (
    EV_OPENED,
    EV_PAIR_FAILED,
    KEYS_STREAM,
    KIND_MESSAGES,
    PAIR_STREAM,
    RESERVED_PREFIX,
)
from dsoftbus.errors import (
    NO_SUCH_SERVICE,
    NOT_PAIRED,
    OUTSIDE_ACL,
    STREAM_KIND_MISMATCH,
    LocalError,
)
from dsoftbus.trust.acl import IN, OUT

_PRIORITY = 1  # above the bulk of programs, below what they call most urgent


class Control:
    """Made by `Guard.join` for `session`; its mux calls `gate` and `on_event`."""

    def __init__(self, guard, session):
        self.device = session.peer_id
        self.session = session
        self.attempt = None  # to pair in this session, if there is one
        self.messages = None  # a `datagrams.MessageGate`, where the link has unreliable messages
        self._guard = guard
        self._awaits_token = False  # the peer has yet to show that it holds the token
        self._own = False  # the stream that is being opened is the bus's own
        self._talks = {}  # by stream id

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
            return self._guard.desk.refusal(self.now)
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
                from dsoftbus.trust.attempt import answer  # as above

                answer(self, self._guard, stream)
            else:
                self.talk(stream, self.on_keys)
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
        if self.attempt is not None:
            self.attempt.lost()

    # Time

    def handle_timer(self, now: int) -> None:
        if self.attempt is not None:
            self.attempt.handle_timer(now)

    def poll_timer(self):
        return self.attempt.pairing.poll_timer() if self.attempt is not None else None

    @property
    def now(self) -> int:
        """When the peer was last heard, which is what any event here follows from."""
        return self.session.keepalive.heard

    # Pairing

    def pair(self, now: int) -> None:
        """Asks the peer to pair. Raises LocalError when the desk takes no attempt."""
        from dsoftbus.trust.attempt import ask  # only who pairs pays for it

        ask(self, self._guard, now)

    def _give_way(self) -> None:
        """Both sides asked at once: the attempt of the session's initiator stands."""
        if self.attempt is not None and not self.session.initiator and self.attempt.may_give_way:
            self.attempt = None
            self._guard.desk.withdraw()

    # Key rotation

    def tell_next_key(self, now: int) -> None:
        """Tells the peer this node's next key, once, if it is trusted."""
        change = self._guard.rotation
        if change is None or self.device in change.told:
            return
        if self._guard.store.get(self.device) is not None:
            change.tell(self, self._guard, now)

    def on_keys(self, talk, message: bytes) -> None:
        """A message on a stream that the peer opened for its next key."""
        from dsoftbus.trust.promise import hear  # only who has such peers pays for it

        hear(self, self._guard, talk, message)

    # Streams

    def open(self, name: str):
        """Opens a stream of the bus's own."""
        self._own = True
        try:
            return self.session.open(name, _PRIORITY, KIND_MESSAGES)
        finally:
            self._own = False

    def talk(self, stream, on_message, on_end=None):
        """A `Talk` over a stream of the bus's own. Without `on_end` nothing depends on its end: a
        peer that has not answered is told again next time."""
        from dsoftbus.trust.talk import Talk

        def ended(code):
            self._talks.pop(stream.id, None)
            if on_end is not None:
                on_end(code)

        talk = Talk(stream, on_message, ended)
        self._talks[stream.id] = talk
        return talk
