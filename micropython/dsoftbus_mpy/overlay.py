"""Code that only handshakes need: loaded when one begins, and given back when none is under way.

It is about nine kilobytes of heap (docs/memory.md), and a node with its sessions does without.
"""

import sys

# What these slices are called once they are linked. From sources nothing leaves: who has room for
# those needs no more.
_FOR_HANDSHAKES = ("dsoftbus_handshake", "dsoftbus_x25519")


def give_back(node) -> None:
    """Forgets what handshakes need, unless a session of `node` is in the middle of one."""
    for session in node.sessions:
        if session.half_open:
            return
    for name in _FOR_HANDSHAKES:
        sys.modules.pop(name, None)
