"""Unreliable messages beside `reliable` delivery; only who sends or gets some pays for it."""

from collections import deque

if False:  # for types
    from dsoftbus.contracts import Buffer, Data
    from dsoftbus.packet.reliable import Reliable


def queue(reliable: "Reliable", data: "Data") -> bool:
    """Queues `data` for one packet that is not repeated; False where it would block."""
    if len(reliable.waiting) >= reliable.messages_max:
        return False
    if reliable.waiting == ():
        reliable.waiting = deque((), reliable.messages_max)
    reliable.waiting.append(bytes(data))  # type: ignore[union-attr] # it is a deque now
    return True


def on_message(reliable: "Reliable", buffer: "Buffer", at: int, end: int) -> None:
    """The message `buffer[at:end]` has arrived."""
    gate = reliable.gate
    if len(reliable.arrived) >= reliable.messages_max or (gate is not None and not gate()):
        reliable.messages_dropped += 1
        return
    if reliable.arrived == ():
        reliable.arrived = deque((), reliable.messages_max)
    reliable.arrived.append(bytes(memoryview(buffer)[at:end]))  # type: ignore[union-attr]
