"""A session: from the first handshake message to its one closing event.

All links share the table of states, the timers, the streams and the end. Each kind of link moves
its bytes: `stream_session.StreamSession` and `datagram_session.DatagramSession`.
"""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


from dsoftbus.base.ticks import earliest
from dsoftbus.const import (
    EV_CLOSED,
    KIND_BYTES,
    REC_FINISH,
    REC_INIT,
    REC_PROTECTED,
    REC_REFUSE,
    REC_REPLY,
    SUITE_CHACHA_SHA256,
)
from dsoftbus.errors import (
    BAD_STATE,
    END_HANDSHAKE_TIMEOUT,
    END_KEEPALIVE,
    END_LINK_DOWN,
    END_LOCAL,
    END_NO_MEMORY,
    END_PEER,
    UNAUTHENTICATED_SESSION,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.identity import device_id
from dsoftbus.mux.events import Event
from dsoftbus.mux.keepalive import DEAD, PROBE, Keepalive
from dsoftbus.mux.mux import Mux

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Address, Any, Buffer, Deadline, Route
    from dsoftbus.crypto.suite import Suite
    from dsoftbus.handshake.handshake import Handshake
    from dsoftbus.mux.stream import Stream
    from dsoftbus.packet.reliable import Reliable
    from dsoftbus.session.node_config import NodeConfig
    from dsoftbus.session.path_validation import PathValidation


# States, in steps of 16: state + trigger is a key of TABLE.
AWAIT_INIT = const(0x10)  # the responder's first
AWAIT_REPLY = const(0x20)  # the initiator's first: it has sent INIT
AWAIT_FINISH = const(0x30)  # the responder has answered
ESTABLISHED = const(0x40)  # the peer is authenticated; streams may open
CLOSING = const(0x50)  # what was taken for sending still goes out
CLOSED = const(0x60)  # for the one cause that EV_CLOSED tells

# What ends a session and no more. An except clause with two names would make this tuple only
# when it is needed, which is when there may be no memory for it.
FAULTS = (BusError, MemoryError)
# A peer's frames that find no memory are tried again, and end the session when they have waited
# for so long: before the peer's keepalive does.
_AGAIN_MS = const(50)
_STALLED_MS = const(30000)
_UNREAD = (0, END_PEER, END_LINK_DOWN)  # causes after which nobody reads why

# Triggers: the message types 1..5 of const.REC_*, and what this side does.
SHUT = const(8)

TABLE = {
    AWAIT_INIT + REC_INIT: AWAIT_FINISH,
    AWAIT_REPLY + REC_REPLY: ESTABLISHED,
    AWAIT_REPLY + REC_REFUSE: CLOSED,
    AWAIT_FINISH + REC_FINISH: ESTABLISHED,
    AWAIT_FINISH + REC_REFUSE: CLOSED,
    ESTABLISHED + REC_PROTECTED: ESTABLISHED,
    ESTABLISHED + SHUT: CLOSING,
    CLOSING + REC_PROTECTED: CLOSING,
    # The answer to an initiator's last message, until it has heard its first protected record.
    ESTABLISHED + REC_REFUSE: CLOSED,
    CLOSING + REC_REFUSE: CLOSED,
}


# Public


class Session:
    """One side of a session; with `remote_static` (32 bytes) the initiator, else the responder.

    A subclass gives what is asked of its link, which no placeholders stand for here, since they
    would take their place on every board:

    - `_new_handshake(suite, remote_static)`: the Handshake of this kind of link;
    - `send_handshake(kind, body)` hands out a message of it, or a refusal before there are keys;
    - `secure(handshake)` takes the transport keys: from here on, all is protected;
    - `_farewell(code)` tells the peer why this is the end;
    - `resume(now)` tries again to take frames that found no memory.
    """

    path: "Address"  # where the peer is, as its link has it
    # Under which this side sought the peer: (kind, host, port)
    route: "Route | None" = None
    mover: object  # a `Mover`, of a side that has begun the session; others have none

    # Ours: what a subclass gives, as above
    _new_handshake: "Callable[[int, bytes | None], Handshake]"
    send_handshake: "Callable[[int, bytes], None]"
    secure: "Callable[[Any], None]"
    _farewell: "Callable[[int], None]"
    resume: "Callable[[int], None]"

    EAGER = 1  # see Mux
    # What few sessions need a place for.
    by_token = False  # both sides have shown that they hold the token
    resumed = False  # it began with a ticket: neither has shown its static key in this one
    reliable: "Reliable | None" = None  # a `Reliable`, where the link carries datagrams
    held: bytes | None = None  # an INIT that waits for its budget; b"" before there is one
    stalled: int | None = None  # since when the peer's frames have found no memory
    again_at = 0  # when what waits is looked at again
    # A PathValidation, while an address of the peer is to be proved
    validation: "PathValidation | None" = None

    # Public

    def __init__(
        self,
        local: "NodeConfig",
        now: int,
        remote_static: bytes | None = None,
        suite: int = SUITE_CHACHA_SHA256,
    ) -> None:
        self.local = local
        self.initiator = remote_static is not None
        self.state = AWAIT_REPLY if self.initiator else AWAIT_INIT
        # What the end is told in has its place from the beginning: it may be a lack of memory.
        self.cause = 0  # once closed: the code that ended it
        self.peer_code = 0  # and what the peer gave as its reason
        self.mux: Mux = None  # type: ignore[assignment]
        self.keepalive: Keepalive = None  # type: ignore[assignment]
        self.peer_public: bytes = None  # type: ignore[assignment] # the peer's static key, and what follows, once proved
        self.peer_name = ""
        self.suite: Suite = None  # type: ignore[assignment]
        # Ours
        self.handshake_hash = b""  # the same on both sides, and of this session alone
        # None once established, or refused
        self.handshake: Any = self._new_handshake(suite, remote_static)
        self._deadline = now + local.profile.handshake_ms
        self.opened: Event | None = None
        self._closed: Event | None = None
        self._last_event = Event(EV_CLOSED)  # made now: the end may be a lack of memory
        self.confirmed = False  # the peer has shown that it has the session's keys
        if self.initiator:
            self.send_handshake(REC_INIT, self.handshake.init())

    # Commands

    def open(self, name: str, priority: int = 3, kind: int = KIND_BYTES) -> "Stream":
        """A new stream; priorities 0 (highest) to 7."""
        if self.state == CLOSED:
            raise self.failure
        if self.state != ESTABLISHED:
            raise LocalError(UNAUTHENTICATED_SESSION if self.half_open else BAD_STATE, name)
        return self.mux.open(name, priority, kind)

    def ping(self, now: int) -> None:
        """Asks for a sign of life; the answer sets `keepalive.rtt_ms`."""
        if self.state == ESTABLISHED:
            self.mux.ping(now)

    def close(self, now: int) -> None:
        """Sends what was taken for sending, then ends the session."""
        if self.state == ESTABLISHED:
            self.state = TABLE[self.state + SHUT]
            self._deadline = now + self.local.profile.close_ms
            self._close_when_idle(now)
        elif self.half_open:
            self.end(END_LOCAL)

    def refuse(self, code: int) -> None:
        """Ends the session from this side, and tells the peer."""
        if self.state != CLOSED:
            self.end(code)
            try:
                self._farewell(code)
            except MemoryError:
                pass  # the peer will notice the silence
            self.handshake = None  # its code may be given back before the session is

    # Inputs

    def handle_timer(self, now: int) -> None:
        """Does what is due: handshake deadline, keepalive, the end of closing."""
        if self.half_open:
            if now >= self._deadline:
                self.refuse(END_HANDSHAKE_TIMEOUT)
        elif self.state != CLOSED:
            if self.mux.control is not None:
                self.mux.control.handle_timer(now)
            self._check_alive(now)
            self._close_when_idle(now)
            if self.stalled is not None and now >= self.again_at:
                self.resume(now)

    def link_lost(self) -> None:
        """The link has ended under the session."""
        if self.state != CLOSED:
            self.end(END_LINK_DOWN)

    # Outputs

    def poll_timer(self) -> "Deadline":
        """The next deadline in ms, or None."""
        if self.half_open:
            return self._deadline
        if self.state == CLOSED:
            return None
        deadline = self.keepalive.deadline()
        if self.mux.control is not None:
            deadline = earliest(deadline, self.mux.control.poll_timer())
        if self.stalled is not None:
            deadline = earliest(deadline, self.again_at)
        return earliest(deadline, self._deadline) if self.state == CLOSING else deadline

    def next_event(self) -> Event | None:
        """The oldest event, or None. EV_ESTABLISHED comes first, EV_CLOSED last and once."""
        opened = self.opened
        if opened is not None:
            self.opened = None
            return opened
        mux = self.mux
        event = None
        if mux is not None and mux.first_event is not None:  # in most turns there is none
            event = mux.next_event()
        if event is None and self._closed is not None:
            event = self._closed
            self._closed = None
        return event

    # Getters

    @property
    def half_open(self) -> bool:
        return self.state < ESTABLISHED

    @property
    def closed(self) -> bool:
        return self.state == CLOSED

    @property
    def failure(self) -> BusError | None:
        """The reason for the session's end, a BusError for the program, or None while it lives."""
        if self.state != CLOSED:
            return None
        if self.cause == END_LOCAL:
            return LocalError(END_LOCAL)
        return PeerError(self.cause, "", self.peer_code)

    @property
    def peer_id(self) -> "Any":
        """The peer's device id, a str, or None while it is not proved."""
        return None if self.peer_public is None else device_id(self.peer_public)

    # Ours: the handshake

    def on_handshake(self, kind: int, body: bytes, now: int) -> None:
        """A handshake message, or what comes in the place of one."""
        from dsoftbus.handshake.establish import on_message  # for a while, as `handshake` says

        state = TABLE.get(self.state + kind) if kind <= REC_REFUSE else None
        on_message(self, state, kind, body, now)

    # Established

    def _on_frames(self, buffer: "Buffer", at: int, stop: int, now: int) -> int:
        """Takes authenticated frames in `buffer[at:stop]`; returns as `Mux.receive`."""
        self.keepalive.heard = now
        self.confirmed = True
        mux = self.mux
        if mux.control is not None:
            mux.control.heard()
        at = mux.receive(buffer, at, stop, now)
        if mux.peer_close >= 0:
            self.peer_code = mux.peer_close
            self.end(END_PEER)
        elif self.state == CLOSING:
            self._close_when_idle(now)
        return at

    def _note_stalled(self, stalled: bool, now: int) -> None:
        """Notes whether the last frames of the peer found no memory."""
        self.again_at = now + _AGAIN_MS
        if not stalled:
            self.stalled = None
        elif self.stalled is None:
            self.stalled = now
        elif now - self.stalled >= _STALLED_MS:
            self.refuse(END_NO_MEMORY)

    def _check_alive(self, now: int) -> None:
        verdict = self.keepalive.check(now)
        if verdict == PROBE:
            self.mux.ping(now)
        elif verdict == DEAD:
            self.refuse(END_KEEPALIVE)

    def _close_when_idle(self, now: int) -> None:
        if self.state == CLOSING and (self._drained or now >= self._deadline):
            self.refuse(END_LOCAL)

    # The end

    def fail(self, error: Exception) -> None:
        """`error` escaped from an input or an output: it ends this session, and no more."""
        code = error.code if isinstance(error, BusError) else END_NO_MEMORY
        self.refuse(code)

    def end(self, code: int) -> None:
        self.state = CLOSED
        self.cause = code
        self._closed = self._last_event
        self._closed.code = code
        self._closed.peer_code = self.peer_code
        if self.mux is not None:
            self.mux.end(code)

    @property
    def _drained(self) -> bool:
        """True when nothing that was taken for sending is left here."""
        return self.mux.idle

    def limit_handshake(self, deadline: int) -> None:
        """The handshake has no longer than this."""
        if self.half_open:
            self._deadline = min(self._deadline, deadline)

    @property
    def close_delivered(self) -> bool:
        """True when EV_CLOSED, the last event, has been taken."""
        return self.state == CLOSED and self._closed is None

    @property
    def parting(self) -> bool:
        """Tells whether an authenticated peer has yet to read why this side ended the session."""
        return self.peer_public is not None and self.cause not in _UNREAD
