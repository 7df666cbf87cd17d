"""The handshake of a session, apart from any link: Noise with HELLO in messages 2 and 3.

Sessions import this and what it needs when a handshake begins, and keep nothing of it once they
are established: so a board may give the memory back.
"""

from dsoftbus.const import (
    PATTERN_XK,
    PATTERN_XKPSK3,
    VERSION,
)
from dsoftbus.errors import (
    MALFORMED,
    TOKEN_REQUIRED,
    UNSUPPORTED_SUITE,
    UNSUPPORTED_VERSION,
    PeerError,
)
from dsoftbus.handshake import hello
from dsoftbus.noise.handshake_state import HandshakeState

if False:  # for types
    from dsoftbus.contracts import Data
    from dsoftbus.noise.cipher_state import CipherState
    from dsoftbus.session.node_config import NodeConfig


_PATTERNS = {PATTERN_XK: "XK", PATTERN_XKPSK3: "XKpsk3"}
_OFFER = 3  # version, suite, pattern


class Handshake:
    """One side. Bodies in, bodies out; a PeerError leaves it as it was, unless `proved`.

    `link` is what this kind of link adds to the prologue.
    """

    def __init__(
        self,
        local: "NodeConfig",
        link: bytes,
        suite_code: int = 0,
        remote_static: bytes | None = None,
    ) -> None:
        """With `remote_static` this is the initiator, under the suite of `suite_code`."""
        self._local = local
        self._link = link
        self.proved = False  # the peer holds its keys: from here on its faults are its own
        self._noise: HandshakeState = None  # type: ignore[assignment] # made by `_begin`
        self.peer_public: bytes = None  # type: ignore[assignment] # once it is proved
        self.peer_hello: hello.Hello = None  # type: ignore[assignment] # from its payload on
        if remote_static is not None:
            pattern = PATTERN_XK if local.psk is None else PATTERN_XKPSK3
            self._offer = bytes((VERSION, suite_code, pattern))
            self._begin(remote_static)

    def _begin(self, remote_static: bytes | None) -> None:
        local = self._local
        prologue = b"dsoftbus" + self._offer + self._link
        self.suite = local.suite(self._offer[1])
        self._noise = HandshakeState(
            self.suite,
            _PATTERNS[self._offer[2]],
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
        return self._local.psk if initiator else self._local.taken_psk

    def init(self) -> bytes:
        """The initiator's first body."""
        return self._offer + self._noise.write_message()

    def on_init(self, body: "Data") -> bytes:
        """The responder's answer to the first body."""
        self.check_offer(body)
        self._offer = bytes(body[:_OFFER])
        self._begin(None)
        if self._noise.read_message(body[_OFFER:]):
            raise PeerError(MALFORMED, "init with a payload")
        return self._noise.write_message(self._payload())

    def check_offer(self, body: "Data") -> None:
        """Raises PeerError for an INIT that no session can come of, before it costs anything."""
        if len(body) < _OFFER:
            raise PeerError(MALFORMED, "init")
        if body[0] != VERSION:
            raise PeerError(UNSUPPORTED_VERSION, str(body[0]))
        if body[1] not in self._local.suites:
            raise PeerError(UNSUPPORTED_SUITE, str(body[1]))
        tokenless = self._local.taken_psk is None
        if body[2] not in _PATTERNS or (body[2] == PATTERN_XKPSK3 and tokenless):
            raise PeerError(UNSUPPORTED_SUITE, "pattern")
        if body[2] != PATTERN_XKPSK3 and self._local.psk is not None:
            raise PeerError(TOKEN_REQUIRED)

    def on_reply(self, body: "Data") -> bytes:
        """The initiator's last body; after it the peer is authenticated."""
        self._learn(body)
        return self._noise.write_message(self._payload())

    def on_finish(self, body: "Data") -> None:
        """After it the responder has authenticated the initiator."""
        self._learn(body)

    def _learn(self, body: "Data") -> None:
        payload = self._noise.read_message(body)
        self.proved = True
        self.peer_public = self._noise.remote_static  # type: ignore[assignment] # message 3 had it
        self._on_payload(payload)

    def _payload(self) -> bytes:
        """Returns the payload of message 2 or 3."""
        return self._say_hello(self._local.profile.record_bytes)

    def _say_hello(self, record_bytes: int) -> bytes:
        """This node's HELLO on a link that takes so much at once."""
        return hello.own(self._local.profile, self._local.name, record_bytes).encode()

    def _on_payload(self, payload: bytes) -> None:
        self.peer_hello = hello.decode(payload, self.peer_public)

    @property
    def by_token(self) -> bool:
        """Both sides have shown that they hold the token."""
        return self._offer[2] == PATTERN_XKPSK3

    @property
    def handshake_hash(self) -> bytes:
        return self._noise.handshake_hash

    def split(self) -> "tuple[CipherState, CipherState]":
        """(cipher to send with, cipher to receive with)."""
        return self._noise.split()
