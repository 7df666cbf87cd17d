"""Keys that a person or a tool sends to a console that a node has, while it has no session there.

A terminal's user gets a sentence that says what to type. Two Ctrl-C end the node, and so does a
Ctrl-C after an Enter: mpremote, and other tools, begin with these, and what they send next is left
for the REPL. A peer's bytes begin with a zero after a silence (docs/wire-format.md), so they are
no keys. Only who presses one pays for this module; it leaves the heap afterwards.
"""

import time

SILENCE_MS = 30  # before a key: a peer that has been silent for 20 begins with a zero
_TWICE_MS = 5000  # between two keys that belong together
_EVERY_MS = 5000  # the sentence
_CTRL_C = 3
_ENTER = 13
# A zero at its end, so that the next frame stands by itself.
_SENTENCE = (
    b"\r\na dsoftbus node has this console: Ctrl-C twice gives the prompt,"
    b" where Ctrl-D starts the node again\r\n\0"
)


def pressed(port, first: int, last: int, n: int, silent_ms: int) -> bool:
    """Returns whether the console is to be given back. `port` is the ConsolePort, which has read
    `n` bytes from `first` to `last`, a key, after so long a silence."""
    alone = silent_ms >= SILENCE_MS
    before = port.key if silent_ms < _TWICE_MS else 0
    port.key = last if alone and n == 1 else 0
    second = n == 1 and before in (_CTRL_C, _ENTER)
    if last == _CTRL_C and (second or (alone and n == 2 and first == _ENTER)):
        return True
    if alone:
        _say(port)
    return False


def _say(port) -> None:
    now = time.ticks_ms()
    if port.said is None or not 0 <= time.ticks_diff(now, port.said) < _EVERY_MS:
        port.said = now
        port.write(_SENTENCE, 0, len(_SENTENCE))
