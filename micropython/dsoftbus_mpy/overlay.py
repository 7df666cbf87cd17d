"""The heap of a board: room that is sure, and code that is needed for a while.

Such code is loaded when its work begins, and given back when that is done: what handshakes need,
about seven kilobytes of heap (docs/memory.md), a peer's change of address, key files, and what is
asked of names.
"""

import io
import sys

_ENTRY_BYTES = 512  # of asyncio's queue and of the poll, should both tables grow: half of that
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
    "dsoftbus_window",
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


def reserve() -> None:
    """Before a socket is registered with a poll: sees to it that there is memory for that.

    `poll.register` that finds none leaves half an entry, through which the next poll reads at
    address 0. What is taken here is given back at once. Raises MemoryError.
    """
    io.BytesIO(_ENTRY_BYTES).close()
