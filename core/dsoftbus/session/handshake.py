"""The handshake of a session, apart from any link: Noise with HELLO in messages 2 and 3."""

from dsoftbus.const import (
    PATTERN_XK,
    PATTERN_XKPSK3,
    VERSION,
)
from dsoftbus.errors import (
    MALFORMED,
    UNSUPPORTED_SUITE,
    UNSUPPORTED_VERSION,
    PeerError,
    Unsupported,
)
from dsoftbus.noise import HandshakeState
from dsoftbus.session import hello

_PATTERNS = {PATTERN_XK: "XK", PATTERN_XKPSK3: "XKpsk3"}
_OFFER = 3  # version, suite, pattern


class Local:
    """What one node brings to every session: its key, its suites, its limits.

    `suites` maps wire codes to suites; `static` is the key pair of any of them (X25519 is common
    to all); `random(n)` gives cryptographic bytes; `psk` is the 32-byte token of XKpsk3 or None.
    `invite_psk` is a token that initiators may use, and need not. `gatekeeper.admit(session, now)`
    is asked before a session counts as established.
    """

    def __init__(self, suites, static, random, profile, name="", psk=None):
        self.suites = suites
        self.static = static
        self.random = random
        self.profile = profile
        self.name = name
        self.psk = psk
        self.invite_psk: bytes = None
        self.gatekeeper = None
        self.hello = self.say_hello(profile.record_bytes)

    def say_hello(self, record_bytes: int) -> bytes:
        """This node's HELLO on a link that takes so much at once."""
        return hello.own(self.profile, self.name, record_bytes).encode()

    def suite(self, code: int):
        """The suite of this wire code, or Unsupported."""
        if code not in self.suites:
            raise Unsupported("suite %d" % code)
        return self.suites[code]

    @property
    def taken_psk(self):
        """The token that is taken from an initiator, or None."""
        return self.psk or self.invite_psk

    def with_psk(self, psk) -> "Local":
        """The same node, for handshakes with another token."""
        other = Local(self.suites, self.static, self.random, self.profile, self.name, psk)
        other.invite_psk = self.invite_psk
        other.gatekeeper = self.gatekeeper
        return other


class Handshake:
    """One side. Bodies in, bodies out; a PeerError leaves it as it was, unless `proved`.

    `link` is what this kind of link adds to the prologue.
    """

    def __init__(self, local, link: bytes, suite_code: int = 0, remote_static=None):
        """With `remote_static` this is the initiator, under the suite of `suite_code`."""
        self._local = local
        self._link = link
        self.proved = False  # the peer holds its keys: from here on its faults are its own
        self._noise: HandshakeState = None  # and none again once it has given its keys
        self.peer_public: bytes = None  # once it is proved
        self.peer_hello: hello.Hello = None
        self.handshake_hash = b""  # once the keys are given
        if remote_static is not None:
            pattern = PATTERN_XK if local.psk is None else PATTERN_XKPSK3
            self._offer = bytes((VERSION, suite_code, pattern))
            self._begin(remote_static)

    def _begin(self, remote_static) -> None:
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

    def _psk(self, initiator: bool):
        if not self.by_token:
            return None
        return self._local.psk if initiator else self._local.taken_psk

    def init(self) -> bytes:
        """The initiator's first body."""
        return self._offer + self._noise.write_message()

    def on_init(self, body) -> bytes:
        """The responder's answer to the first body."""
        if len(body) < _OFFER:
            raise PeerError(MALFORMED, "init")
        self._check_offer(body)
        self._offer = bytes(body[:_OFFER])
        self._begin(None)
        if self._noise.read_message(body[_OFFER:]):
            raise PeerError(MALFORMED, "init with a payload")
        return self._noise.write_message(self._payload())

    def _check_offer(self, body) -> None:
        if body[0] != VERSION:
            raise PeerError(UNSUPPORTED_VERSION, str(body[0]))
        if body[1] not in self._local.suites:
            raise PeerError(UNSUPPORTED_SUITE, str(body[1]))
        tokenless = self._local.taken_psk is None
        if body[2] not in _PATTERNS or (body[2] == PATTERN_XKPSK3 and tokenless):
            raise PeerError(UNSUPPORTED_SUITE, "pattern")

    def on_reply(self, body) -> bytes:
        """The initiator's last body; after it the peer is authenticated."""
        self._learn(body)
        return self._noise.write_message(self._payload())

    def on_finish(self, body) -> None:
        """After it the responder has authenticated the initiator."""
        self._learn(body)

    def _learn(self, body) -> None:
        payload = self._noise.read_message(body)
        self.proved = True
        self.peer_public = self._noise.remote_static
        self._on_payload(payload)

    def _payload(self) -> bytes:
        """What goes into message 2 or 3."""
        return self._local.hello

    def _on_payload(self, payload: bytes) -> None:
        self.peer_hello = hello.decode(payload, self.peer_public)

    @property
    def by_token(self) -> bool:
        """Both sides have shown that they hold the token."""
        return self._offer[2] == PATTERN_XKPSK3

    def split(self):
        """(cipher to send with, cipher to receive with); what only the handshake needed goes."""
        noise = self._noise
        self.handshake_hash = noise.handshake_hash
        self._noise = None
        return noise.split()
