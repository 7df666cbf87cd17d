"""Instructions that a Cortex-M0 takes for the kernels, counted by running their machine code.

`.venv/bin/python bench/thumb_counts.py`, with the test requirements installed. The same for every
run and every key: the kernels branch on lengths alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from thumb import Machine, load  # noqa: E402 - a module of the tests

KERNELS = ROOT / "micropython" / "dsoftbus_mpy"
ELEMENT_BYTES = 80
MEMORY_BYTES = 12 * ELEMENT_BYTES + 320


class Counted:
    """The functions of one kernel module; `total` counts the instructions of all calls."""

    def __init__(self, name: str) -> None:
        self._machines = [Machine(code) for code in load(KERNELS / f"{name}.py")]
        self.total = 0

    def call(self, function: int, *args: int | bytes | bytearray) -> None:
        self._machines[function].call(*args)
        self.total += self._machines[function].instructions


def seal(size: int, offset: int) -> int:
    """A message without associated data, as dsoftbus_mpy.chachapoly seals it."""
    chacha, poly = Counted("chacha20"), Counted("poly1305")
    init, stream, state = bytearray(64), bytearray(64), bytearray(96)
    src, dst = os.urandom(offset + size), bytearray(offset + size)
    block, last = bytearray(16), bytes(32)
    chacha.call(1, init, 0, 1, 0)
    chacha.call(0, stream, 0, init, stream, 0, stream, 0, 0)
    poly.call(0, state, stream)
    chacha.call(0, stream, 0, init, src, offset, dst, offset, size)
    poly.call(1, 0, 0, state, dst, offset, size // 16, block)
    if size % 16:
        poly.call(2, bytearray(32), dst, 0, size % 16)
    poly.call(1, 0, 0, state, last, 0, 2 if size % 16 else 1, block)
    poly.call(3, state, bytearray(16), 0)
    return chacha.total + poly.total


def field_operation(program: bytes) -> int:
    """One operation of the field kernel, less what an empty program takes."""
    field = Counted("field")
    field.call(0, 0, 0, bytearray(MEMORY_BYTES), program, len(program), b"\0", 0)
    whole = field.total
    field.call(0, 0, 0, bytearray(MEMORY_BYTES), b"", 0, b"\0", 0)
    return 2 * whole - field.total


def x25519() -> dict[str, int]:
    """The ladder and the division, from the programs in the source."""
    source = (KERNELS / "x25519.py").read_text()
    names: dict = {"MULTIPLY": 0, "SQUARE": 1, "BOTH": 2, "TIMES_A24": 3, "TIMES_9": 4}
    exec(source[source.index("# fmt: off") : source.index("# fmt: on")], names)
    counts = {}
    for name, program in (("X25519", "_STEP"), ("X25519, own public key", "_STEP_OF_BASE")):
        field = Counted("field")
        memory = bytearray(os.urandom(32) + bytes(MEMORY_BYTES - 32))
        field.call(0, 0, 0, memory, names[program], len(names[program]), os.urandom(32), 254)
        field.call(0, 0, 0, memory, names["_DIVIDE"], len(names["_DIVIDE"]), b"\0", 0)
        counts[name] = field.total
    return counts


def main() -> None:
    counts = x25519()
    counts["a product in the field"] = field_operation(bytes((0, 4, 5, 6)))
    counts["a square in the field"] = field_operation(bytes((1, 4, 5, 1)))
    for size in (400, 4096):
        counts[f"seal {size} B, on a word boundary"] = seal(size, 0)
        counts[f"seal {size} B, off it"] = seal(size, 3)
    for name, count in counts.items():
        print(f"{name:<34} {count:>10}")


if __name__ == "__main__":
    main()
