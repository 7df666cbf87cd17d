"""The trust layer of one session: asked before each stream, with streams of its own."""

from dsoftbus.const import (
    CALLS_STREAM,
    EV_OPENED,
    EV_PAIR_FAILED,
    KEYS_STREAM,
    KIND_MESSAGES,
    PAIR_STREAM,
    RESERVED_PREFIX,
    SHARE_STREAM,
    TOPICS_STREAM,
    UPDATE_STREAM,
)
from dsoftbus.errors import (
    NO_SUCH_SERVICE,
    NOT_PAIRED,
    OUTSIDE_ACL,
    STREAM_KIND_MISMATCH,
    LocalError,
)
from dsoftbus.trust.acl import IN, OUT

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any, Deadline
    from dsoftbus.mux.events import Event
    from dsoftbus.mux.message_stream import MessageStream
    from dsoftbus.session.session import Session
    from dsoftbus.trust.datagrams import MessageGate
    from dsoftbus.trust.guard import Guard
    from dsoftbus.trust.message_channel import MessageChannel
    from dsoftbus.trust.pairing_attempt import PairingAttempt


_SERVICES = (CALLS_STREAM, TOPICS_STREAM, SHARE_STREAM, UPDATE_STREAM)
_PRIORITY = 1  # above the bulk of programs, below what they call most urgent


class Control:
    """Made by `Guard.join` for `session`; its mux calls `gate` and `on_event`."""

    def __init__(self, guard: "Guard", session: "Session") -> None:
        self.device = session.peer_id
        self.session = session
        self.attempt: PairingAttempt | None = None  # to pair in this session, if there is one
        # Once there is an unreliable message
        self.messages: MessageGate | None = None
        self._guard = guard
        self._awaits_token = False  # the peer has yet to show that it holds the token
        self._own = False  # the stream that is being opened is the bus's own
        self._talks: dict[int, MessageChannel] = {}  # by stream id

    # What the mux asks

    def gate(self, outgoing: bool, name: str) -> int:
        """0 when a stream with this name may exist, else the code to refuse it with."""
        direction = OUT if outgoing else IN
        if self.serves(name):
            return 0
        if not name.startswith(RESERVED_PREFIX):
            return self._guard.check(self.device, direction, name)
        if outgoing and self._own:
            return 0
        code = OUTSIDE_ACL if outgoing else self._reserved(name)
        if code:
            self._guard.deny(self.device, direction, name, code)
        return code

    def allows(self, outgoing: bool, name: str) -> bool:
        """The question of `gate` for a name of a service, without consequence."""
        return self._guard.acl.allows(self.device, OUT if outgoing else IN, name)

    def serves(self, name: str) -> bool:
        """Returns whether the stream `name` carries a service that is there for this peer: each
        call and each topic is asked for by its own name."""
        if name not in _SERVICES:
            return False
        guard = self._guard
        return guard.store.get(self.device) is not None or guard.acl.welcomes(self.device)

    @property
    def revision(self) -> int:
        """Returns what differs once the rules have changed."""
        return self._guard.store.revision

    def _reserved(self, name: str) -> int:
        if name == PAIR_STREAM:
            if self._guard.desk.current is not None:
                from dsoftbus.trust.pairing_attempt import give_way  # which is there, then

                give_way(self, self._guard)
            return self._guard.desk.refusal(self.now)
        if name == KEYS_STREAM:
            return 0 if self._guard.store.get(self.device) else NOT_PAIRED
        return NO_SUCH_SERVICE

    def message_gate(self) -> "MessageGate":
        """The MessageGate of this session, whose link has unreliable messages."""
        if self.messages is None:
            from dsoftbus.trust.datagrams import MessageGate  # only who has such pays for it

            self.messages = MessageGate(self._guard, self.device, self.session.reliable)  # type: ignore[arg-type]
        return self.messages

    def takes_message(self) -> bool:
        """Returns whether the peer's first unreliable message may be queued, for the gate."""
        return self.message_gate().takes()

    def on_event(self, event: "Event") -> None:
        """An event of a stream of the bus's own."""
        stream: Any = event.stream  # a MessageStream, by the gate
        if event.kind == EV_OPENED:
            self._on_opened(stream)
        elif stream.id in self._talks:
            self._talks[stream.id].on_event(event)

    def _on_opened(self, stream: "MessageStream") -> None:
        try:
            if stream.kind != KIND_MESSAGES:
                raise LocalError(STREAM_KIND_MISMATCH)
            if stream.name == PAIR_STREAM:
                from dsoftbus.trust.pairing_attempt import answer  # as above

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

    def poll_timer(self) -> "Deadline":
        return self.attempt.pairing.poll_timer() if self.attempt is not None else None

    @property
    def now(self) -> int:
        """Returns when the peer was last heard, in ms: any event here follows from that."""
        return self.session.keepalive.heard

    # Pairing

    def pair(self, now: int) -> None:
        """Asks the peer to pair. Raises LocalError when the desk takes no attempt."""
        from dsoftbus.trust.pairing_attempt import ask  # only who pairs pays for it

        ask(self, self._guard, now)

    # Key rotation

    def tell_next_key(self, now: int) -> None:
        """Tells the peer this node's next key, once, if it is trusted."""
        change = self._guard.rotation
        if change is None or self.device in change.told:
            return
        if self._guard.store.get(self.device) is not None:
            change.tell(self, self._guard, now)

    def on_keys(self, talk: "MessageChannel", message: bytes) -> None:
        """A message on a stream that the peer opened for its next key."""
        from dsoftbus.trust.promise import hear  # only who has such peers pays for it

        hear(self, self._guard, talk, message)

    # Streams

    def open(self, name: str) -> "MessageStream":
        """Opens a stream of the bus's own."""
        self._own = True
        try:
            return self.session.open(name, _PRIORITY, KIND_MESSAGES)  # type: ignore[return-value] # by its kind
        finally:
            self._own = False

    def talk(
        self,
        stream: "MessageStream",
        on_message: "Callable[[MessageChannel, bytes], None]",
        on_end: "Callable[[int], None] | None" = None,
    ) -> "MessageChannel":
        """A `MessageChannel` over a stream of the bus's own. Without `on_end` nothing depends on
        its end: a peer that has not answered is told again next time."""
        from dsoftbus.trust.message_channel import MessageChannel

        def ended(code: int) -> None:
            self._talks.pop(stream.id, None)
            if on_end is not None:
                on_end(code)

        talk = MessageChannel(stream, on_message, ended)
        self._talks[stream.id] = talk
        return talk
