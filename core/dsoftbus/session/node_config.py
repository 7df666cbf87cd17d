"""The part of a session that is the same for all sessions of a node."""

from dsoftbus.base.codec import is_name
from dsoftbus.const import NODE_NAME_MAX
from dsoftbus.errors import BAD_ARGUMENT, LocalError, Unsupported

if False:  # for types
    from dsoftbus.contracts import Keys, Profile, Random
    from dsoftbus.crypto.suite import Suite
    from dsoftbus.session.session_table import SessionTable


class NodeConfig:
    """Its key, its suites, its limits.

    `suites` maps wire codes to suites; `static` is the key pair of any of them (X25519 is common
    to all); `random(n)` gives cryptographic bytes; `psk` is the 32-byte token of XKpsk3 or None.
    With `psk` every handshake, from here or from a peer, has to show it. `invite_psk` is a token
    that initiators may use, and need not. `gatekeeper` is a `session_table.Roster`: its
    `admit` is asked before a session counts as established, its `join` told afterwards.
    """

    def __init__(
        self,
        suites: "dict[int, Suite]",
        static: "Keys",
        random: "Random",
        profile: "Profile",
        name: str = "",
        psk: bytes | None = None,
    ) -> None:
        if not is_name(name) or len(name.encode()) > NODE_NAME_MAX:
            raise LocalError(BAD_ARGUMENT, "node name of at most 32 bytes, all of which show")
        self.suites = suites
        self.static = static
        self.random = random
        self.profile = profile
        self.name = name
        self.psk = psk
        self.invite_psk: bytes | None = None
        self.gatekeeper: SessionTable = None  # type: ignore[assignment] # it comes with its NodeConfig

    def suite(self, code: int) -> "Suite":
        """The suite of this wire code, or Unsupported."""
        if code not in self.suites:
            raise Unsupported("suite %d" % code)
        return self.suites[code]

    @property
    def taken_psk(self) -> bytes | None:
        """The token that is taken from an initiator, or None."""
        return self.psk or self.invite_psk

    def with_psk(self, psk: bytes | None) -> "NodeConfig":
        """The same node, for handshakes with another token."""
        other = NodeConfig(self.suites, self.static, self.random, self.profile, self.name, psk)
        other.invite_psk = self.invite_psk
        other.gatekeeper = self.gatekeeper
        return other
