"""Code that is needed for a while: loaded when its work begins, given back when that is done.

That is what handshakes need, about seven kilobytes of heap (docs/memory.md), a peer's change of
address, key files, and what is asked of names.
"""

import sys

# What these slices are called once they are linked. From sources nothing leaves: who has room for
# those needs no more.
_FOR_A_WHILE = (
    "dsoftbus_handshake",
    "dsoftbus_arrivals",
    "dsoftbus_openings",
    "dsoftbus_paths",
    "dsoftbus_x25519",
    "dsoftbus_keyfile",
    "dsoftbus_doubts",
    "dsoftbus_text",
    "dsoftbus_lookalikes",
)


def give_back(node) -> None:
    """Forgets such code, unless a session of `node` is in the middle of what it is for.

    Loops do so when nothing has come: under a flood of openings they load it once.
    """
    for session in node.sessions:
        if session.half_open or session.validation is not None:
            return
    for name in _FOR_A_WHILE:
        sys.modules.pop(name, None)
