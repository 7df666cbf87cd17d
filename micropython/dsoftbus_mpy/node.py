"""This machine's node: the core's, with the suites and the entropy that the platform has."""

from dsoftbus.const import ANYONE as ANYONE
from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus.errors import BusError as BusError
from dsoftbus.errors import LocalError as LocalError
from dsoftbus.errors import PeerError as PeerError
from dsoftbus.errors import Unsupported as Unsupported
from dsoftbus.session.node_config import NodeConfig
from dsoftbus.session.session_table import SessionTable
from dsoftbus_mpy import crypto, entropy


def make(key: bytes, name: str = "", profile=None, psk=None, guard=None, allowed=None):
    """A `dsoftbus.node.Node` whose 32-byte secret is `key` (`key_file.load_or_make` keeps one), or
    whose key pair it is.

    `psk`, `guard` and `allowed` say who may begin sessions (see `Node`), and without them nobody
    may. Without a profile (see dsoftbus.const) it is SMALL. Raises Unsupported or
    LocalError(ENTROPY_UNAVAILABLE) where there are no random bytes.
    """
    from dsoftbus.node import Node  # a minimal node does without
    from dsoftbus_mpy.base.room import roomy

    suites, static = _crypto(key)
    random = entropy.source()
    node = Node(suites, static, random, profile or _small(), name, psk, guard, allowed)
    node.room = roomy(node)
    return node


def minimal(key: bytes, allowed, name: str = "", profile=None) -> SessionTable:
    """Makes the node of a `SerialLoop`: no discovery and no trust store, but a list of keys.

    `allowed`: the public keys of those that may begin sessions, or ANYONE; nobody else may. The
    rest is as for `make`.
    """
    suites, static = _crypto(key)
    local = NodeConfig(suites, static, entropy.source(), profile or _small(), name)
    return SessionTable(local, allowed)


def _crypto(key: bytes) -> tuple:
    suite = crypto.suite(SUITE_CHACHA_SHA256)
    return {suite.code: suite}, key if hasattr(key, "exchange") else suite.keypair(key)


def _small():
    from dsoftbus.const import SMALL  # a board that has its own profile need not load these

    return SMALL
