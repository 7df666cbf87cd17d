"""An attempt to pair in one session: messages on a stream, digits for people, and its end."""

from dsoftbus.const import EV_PAIR_DIGITS, EV_PAIR_FAILED, PAIR_STREAM
from dsoftbus.errors import LocalError
from dsoftbus.session.session import FAULTS
from dsoftbus.trust.pairing import AWAIT_NONCE

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.mux.message_stream import MessageStream
    from dsoftbus.trust.guard import Guard
    from dsoftbus.trust.message_channel import MessageChannel
    from dsoftbus.trust.pairing import Pairing
    from dsoftbus.trust.session_guard import Control


def ask(control: "Control", guard: "Guard", now: int) -> None:
    """Asks the peer of `control` to pair. Raises LocalError when the desk takes no attempt."""
    pairing = guard.desk.begin(True, control.session.handshake_hash, now)
    try:
        stream = control.open(PAIR_STREAM)
    except FAULTS:
        guard.desk.withdraw()
        raise
    try:
        _begin(control, guard, pairing, stream)
    except MemoryError:
        stream.reset()
        raise


def answer(control: "Control", guard: "Guard", stream: "MessageStream") -> None:
    """The peer has opened `stream` to pair. Raises LocalError as `ask` does."""
    session = control.session
    from dsoftbus.handshake.arrivals import host_of

    pairing = guard.desk.begin(False, session.handshake_hash, control.now, host_of(session.path))
    _begin(control, guard, pairing, stream)


def give_way(control: "Control", guard: "Guard") -> None:
    """The peer of `control` asks, too. One of two attempts between the same two nodes stands: in
    one session that of its initiator, in two that of the session with the smaller handshake hash,
    which both sides know."""
    try:
        own = guard.under_way()
    except LocalError:
        return
    attempt = own.attempt
    if attempt is None or own.device != control.device or not attempt.may_give_way:
        return
    session = control.session
    if own is control:
        yields = not session.initiator
    else:
        yields = bytes(session.handshake_hash) < bytes(own.session.handshake_hash)
    if yields:
        own.attempt = None
        guard.desk.withdraw()


def _begin(
    control: "Control", guard: "Guard", pairing: "Pairing", stream: "MessageStream"
) -> None:
    try:
        control.attempt = PairingAttempt(control, guard, pairing, stream)
        control.attempt.follow()
    except MemoryError:
        control.attempt = None
        guard.desk.withdraw()
        raise


class PairingAttempt:
    """Carries a `Pairing` over `stream`; `control` is that of the session, and holds this."""

    def __init__(
        self, control: "Control", guard: "Guard", pairing: "Pairing", stream: "MessageStream"
    ) -> None:
        self.pairing = pairing
        self._control = control
        self._guard = guard
        self._shown = False  # the program knows the digits
        self._talk = control.talk(stream, self._on_message, self.lost)

    @property
    def may_give_way(self) -> bool:
        """True while the peer has not answered."""
        return self.pairing.opener and self.pairing.state == AWAIT_NONCE

    def confirm(self, digits: str) -> None:
        """See `Pairing.confirm`."""
        try:
            self.pairing.confirm(digits)
        finally:
            self.follow()

    def cancel(self) -> None:
        self.pairing.cancel()
        self.follow()

    def handle_timer(self, now: int) -> None:
        self.pairing.handle_timer(now)
        self.follow()

    def lost(self, code: int = 0) -> None:
        """The stream or the session has ended."""
        if self._is_current:
            self.pairing.stream_lost(code)
            self.follow()

    def _on_message(self, talk: "MessageChannel", message: bytes) -> None:
        if self._is_current:
            self.pairing.receive(message, self._control.now)
            self.follow()

    @property
    def _is_current(self) -> bool:
        return self._control.attempt is self

    def follow(self) -> None:
        """Does all that the state of the pairing calls for: messages, digits to show, its end."""
        pairing = self.pairing
        message = pairing.poll_transmit()
        while message is not None:
            self._talk.send(message)
            message = pairing.poll_transmit()
        if pairing.digits and not self._shown and not pairing.ended:
            self._shown = True
            self._tell(EV_PAIR_DIGITS, 0, self)
        if pairing.ended and self._is_current:  # sending may have found its end
            self._settle()

    def _settle(self) -> None:
        self._control.attempt = None
        self._guard.desk.settle()
        self._talk.finish()
        if self.pairing.paired:
            self._guard.trust(self._control.session)
        else:
            self._tell(EV_PAIR_FAILED, self.pairing.code)

    def _tell(self, kind: int, code: int, about: "Any" = None) -> None:
        control = self._control
        self._guard.tell(kind, control.device, control.session.peer_name, code, about)
