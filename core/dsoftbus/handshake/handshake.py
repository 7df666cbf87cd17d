"""The handshake of a session, apart from any link: Noise with HELLO in messages 2 and 3.

Sessions import this and what it needs when a handshake begins, and keep nothing of it once they
are established: so a board may give the memory back.
"""

from dsoftbus.const import (
    PATTERN_RESUMED,
    PATTERN_SLEEPER,
    PATTERN_XK,
    PATTERN_XKPSK3,
    VERSION,
)
from dsoftbus.errors import (
    MALFORMED,
    RESUME_UNKNOWN,
    TOKEN_REQUIRED,
    UNSUPPORTED_SUITE,
    UNSUPPORTED_VERSION,
    PeerError,
)
from dsoftbus.handshake import hello
from dsoftbus.noise.handshake_state import HandshakeState

if False:  # for types
    from dsoftbus.contracts import Any, Data
    from dsoftbus.noise.cipher_state import CipherState
    from dsoftbus.session.node_config import NodeConfig


_PATTERNS = {PATTERN_XK: "XK", PATTERN_XKPSK3: "XKpsk3"}
RESUMING = (PATTERN_RESUMED, PATTERN_SLEEPER)
_OFFER = 3  # version, suite, pattern


class Handshake:
    """One side. Bodies in, bodies out; a PeerError leaves it as it was, unless `proved`.

    `link` is what this kind of link adds to the prologue. With a ticket (docs/resumption.md)
    `noise` is a `ResumedState`, and `ticket` says what becomes of it.
    """

    ticket: "Any" = None
    asks_again = True  # whether another INIT may follow here one whose ticket is no good

    def __init__(
        self,
        local: "NodeConfig",
        link: bytes,
        suite_code: int = 0,
        remote_static: bytes | None = None,
    ) -> None:
        """With `remote_static` this is the initiator, under the suite of `suite_code`."""
        self.local = local
        self.link = link
        self.proved = False  # the peer holds its keys: from here on its faults are its own
        self.noise: Any = None  # made by `_begin`
        self.initiator = remote_static is not None
        self.peer_public: bytes = None  # type: ignore[assignment] # once it is proved
        self.peer_hello: hello.Hello = None  # type: ignore[assignment] # from its payload on
        if remote_static is not None and not self._shorten(suite_code, remote_static):
            self._propose(suite_code, remote_static)

    def _shorten(self, suite_code: int, remote_static: bytes) -> bool:
        """Begins with a ticket where there is one. A token has to be shown each time."""
        tickets = _tickets(self.local)
        if tickets is None or self.local.psk is not None:
            return False
        return tickets.shorten(self, suite_code, remote_static)

    def give_up_ticket(self) -> None:
        """The responder does not take it: this is a full handshake from here on."""
        self.ticket.give_up()
        self.ticket = None
        self._propose(self.offer[1], self.noise.remote_static)

    def _propose(self, suite_code: int, remote_static: bytes) -> None:
        pattern = PATTERN_XK if self.local.psk is None else PATTERN_XKPSK3
        self.offer = bytes((VERSION, suite_code, pattern))
        self._begin(remote_static)

    def _begin(self, remote_static: bytes | None) -> None:
        local = self.local
        prologue = b"dsoftbus" + self.offer + self.link
        self.suite = local.suite(self.offer[1])
        self.noise = HandshakeState(
            self.suite,
            _PATTERNS[self.offer[2]],
            remote_static is not None,
            prologue,
            local.static,
            remote_static,
            local.random,
            self._psk(remote_static is not None),
        )

    def _psk(self, initiator: bool) -> bytes | None:
        if not self.by_token:
            return None
        return self.local.psk if initiator else self.local.taken_psk

    def init(self) -> bytes:
        """The initiator's first body."""
        return self.offer + self.noise.write_message()

    def on_init(self, body: "Data") -> bytes:
        """The responder's answer to the first body."""
        self.check_offer(body)
        if body[2] in RESUMING:
            from dsoftbus.resume.showing import meet  # only who keeps tickets pays for it

            meet(self, body)
        else:
            self.offer = bytes(body[:_OFFER])
            self._begin(None)
        if self.noise.read_message(body[len(self.offer) :]):
            raise PeerError(MALFORMED, "init with a payload")
        if self.ticket is not None:
            self.ticket.judge()
        return self.noise.write_message(self._payload())

    def check_offer(self, body: "Data") -> None:
        """Raises PeerError for an INIT that no session can come of, before it costs anything."""
        if len(body) < _OFFER:
            raise PeerError(MALFORMED, "init")
        if body[0] != VERSION:
            raise PeerError(UNSUPPORTED_VERSION, str(body[0]))
        if body[1] not in self.local.suites:
            raise PeerError(UNSUPPORTED_SUITE, str(body[1]))
        tokenless = self.local.taken_psk is None
        known = body[2] in _PATTERNS or body[2] in RESUMING
        if not known or (body[2] == PATTERN_XKPSK3 and tokenless):
            raise PeerError(UNSUPPORTED_SUITE, "pattern")
        if body[2] != PATTERN_XKPSK3 and self.local.psk is not None:
            raise PeerError(TOKEN_REQUIRED)
        if body[2] in RESUMING:
            check_ticket(self.local, body)

    def on_reply(self, body: "Data") -> bytes:
        """The initiator's last body; after it the peer is authenticated."""
        self._learn(body)
        return self.noise.write_message(self._payload())

    def on_finish(self, body: "Data") -> None:
        """After it the responder has authenticated the initiator."""
        self._learn(body)

    def _learn(self, body: "Data") -> None:
        payload = self.noise.read_message(body)
        self.proved = True
        if self.ticket is not None:
            self.ticket.spend()
        self.peer_public = self.noise.remote_static
        self._on_payload(payload)

    def _payload(self) -> bytes:
        """Returns the payload of message 2 or 3."""
        return self._say_hello(self.local.profile.record_bytes)

    def _say_hello(self, record_bytes: int) -> bytes:
        """This node's HELLO on a link that takes so much at once."""
        said = hello.own(self.local.profile, self.local.name, record_bytes)
        tickets = _tickets(self.local)
        if tickets is not None:
            said.features = tickets.features(self.initiator)
        return said.encode()

    def _on_payload(self, payload: bytes) -> None:
        self.peer_hello = hello.decode(payload, self.peer_public)

    @property
    def by_token(self) -> bool:
        """Both sides have shown that they hold the token."""
        return self.offer[2] == PATTERN_XKPSK3

    @property
    def handshake_hash(self) -> bytes:
        return self.noise.handshake_hash

    def split(self) -> "tuple[CipherState, CipherState]":
        """(cipher to send with, cipher to receive with)."""
        return self.noise.split()


def _tickets(local: "NodeConfig") -> "Any":
    """Its `resume.tickets.Tickets`, or None; a handshake by itself has no table of sessions."""
    return getattr(local.gatekeeper, "tickets", None)


def check_ticket(local: "NodeConfig", init: "Data") -> None:
    """Raises PeerError(RESUME_UNKNOWN) for an INIT whose ticket is not here."""
    if _tickets(local) is None:
        raise PeerError(RESUME_UNKNOWN)
    from dsoftbus.resume.showing import find

    find(local, init)
