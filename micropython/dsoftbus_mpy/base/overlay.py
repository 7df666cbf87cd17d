"""Code that is needed for a while: loaded when its work begins, given back when that is done.

That is what handshakes need, about seven kilobytes of heap (docs/memory.md), a peer's change of
address, key files, what is asked of names, and whatever is `rare`.
"""

import sys

# What these slices are called once they are linked, and their names, in one text for the heap's
# sake. From sources nothing leaves: who has room for those needs no more.
_LINKED = "dsoftbus_"
_FOR_A_WHILE = (
    " handshake arrivals openings paths elsewhere gapped x25519 keyfile doubts window store_text"
    " text lookalikes start_order sources cookies console_keys log_reader console_run restart"
    " file_names updates update_check update_calls update_files update_place group_token"
    " base32_text "
)
_RARE = "_rare"
_held = [0]  # modules when this was looked at last: nothing has come since while they are as many


def unload(node) -> None:
    """Forgets such code, unless a session of `node` is in the middle of what it is for.

    Loops do so when nothing has come: under a flood of openings they load it once.
    """
    if len(sys.modules) == _held[0]:
        return
    for session in node.sessions:
        if session.half_open or session.validation is not None:
            return
    forget()


def forget() -> None:
    """Does so where there are no sessions yet."""
    for name in list(sys.modules):
        # Nothing is split: a list of names would lie in the heap until the next collection.
        known = " " + name[len(_LINKED) :] + " " in _FOR_A_WHILE
        if name.startswith(_LINKED) and (known or name.endswith(_RARE)):
            del sys.modules[name]
    _held[0] = len(sys.modules)
