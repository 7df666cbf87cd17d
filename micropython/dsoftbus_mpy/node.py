"""This machine's node: the core's, with the suites and the entropy that the platform has."""

from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus.node import Node
from dsoftbus_mpy import crypto, entropy


def make(key: bytes, name: str = "", profile=None, psk=None, guard=None) -> Node:
    """A node whose 32-byte secret is `key` (`keyfile.load_or_make` keeps one).

    Without a profile (see dsoftbus.const) it is SMALL. Raises Unsupported or
    LocalError(ENTROPY_UNAVAILABLE) where there are no random bytes.
    """
    if profile is None:
        from dsoftbus.const import SMALL  # a board that has its own profile need not load these

        profile = SMALL
    suite = crypto.suite(SUITE_CHACHA_SHA256)
    static = suite.keypair(key)
    return Node({suite.code: suite}, static, entropy.source(), profile, name, psk, guard)
