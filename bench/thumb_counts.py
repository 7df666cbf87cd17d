"""Instructions that a Cortex-M0 takes for the kernels, counted by running their machine code.

`.venv/bin/python bench/thumb_counts.py`, with the test requirements installed. The same for every
run and every key: the kernels branch on lengths alone.
"""

from __future__ import annotations

import functools
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import click

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from thumb import Assembled, Machine, load  # noqa: E402 - a module of the tests

KERNELS = ROOT / "micropython" / "dsoftbus_mpy" / "kernels"
ELEMENT_BYTES = 80
MEMORY_BYTES = 12 * ELEMENT_BYTES + 320
END = 5  # of a program for the field
BITS = 255  # of a scalar of X25519


@functools.cache
def machines(name: str) -> list[Machine]:
    kind = Assembled if name.startswith("thumb") else Machine
    return [kind(code, counts=True) for code in load(KERNELS / f"{name}.py")]


class Counted:
    """The functions of one kernel module; `total` counts the instructions of all calls."""

    def __init__(self, name: str) -> None:
        self._machines = machines(name)
        self.total = 0

    def call(self, function: int, *args: int | bytes | bytearray) -> None:
        self._machines[function].call(*args)
        self.total += self._machines[function].instructions


def seal(size: int, offset: int) -> int:
    """A message without associated data, as dsoftbus_mpy.kernels.chachapoly seals it."""
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


def thumb_seal(size: int, offset: int) -> int:
    """The same message, as dsoftbus_mpy.kernels.thumb_chachapoly seals it."""
    chacha, poly = Counted("thumb_chacha20"), Counted("thumb_poly1305")
    work, init = bytearray(332), bytearray(64)
    src, dst = os.urandom(offset + size), bytearray(offset + size + 16)
    work[256:292] = struct.pack("<9I", offset, offset, size, 1, 0, 0, 0, offset, 1)
    chacha.call(0, work, init, src, dst)
    poly.call(0, work, dst)
    return chacha.total + poly.total


Run = Callable[[Counted, bytearray, bytes, bytes, int], None]


def run_by_viper(
    field: Counted, memory: bytearray, program: bytes, scalar: bytes, bit: int
) -> None:
    field.call(0, 0, 0, memory, program, len(program) - 1, scalar, bit)


def run_by_thumb(
    field: Counted, memory: bytearray, program: bytes, scalar: bytes, bit: int
) -> None:
    field.call(0, memory, program, scalar, bit)


def field_operation(kernel: str, run: Run, program: bytes) -> int:
    """One operation of a field kernel, less what an empty program takes."""
    field = Counted(kernel)
    run(field, bytearray(MEMORY_BYTES), program + bytes((END,)), b"\0", 0)
    whole = field.total
    run(field, bytearray(MEMORY_BYTES), bytes((END,)), b"\0", 0)
    return 2 * whole - field.total


def x25519(kernel: str, run: Run, program: str, bits: int) -> int:
    """The ladder of so many bits and the division, from the programs in the source."""
    source = (KERNELS / "x25519.py").read_text()
    names: dict = {"MULTIPLY": 0, "SQUARE": 1, "BOTH": 2, "TIMES_A24": 3, "TIMES_9": 4, "END": END}
    exec(source[source.index("# fmt: off") : source.index("# fmt: on")], names)
    field = Counted(kernel)
    memory = bytearray(os.urandom(32) + bytes(MEMORY_BYTES - 32))
    run(field, memory, names[program], os.urandom(32), bits - 1)
    run(field, memory, names["_DIVIDE"], b"\0", 0)
    return field.total


def counts_of(
    kernel: str, run: Run, sealed: Callable[[int, int], int], bits: int
) -> dict[str, int]:
    counts = {
        "X25519": x25519(kernel, run, "_STEP", bits),
        "X25519, own public key": x25519(kernel, run, "_STEP_OF_BASE", bits),
        "a product in the field": field_operation(kernel, run, bytes((0, 4, 5, 6))),
        "a square in the field": field_operation(kernel, run, bytes((1, 4, 5, 1))),
    }
    for size in (400, 4096):
        counts[f"seal {size} B, on a word boundary"] = sealed(size, 0)
        counts[f"seal {size} B, off it"] = sealed(size, 3)
    return counts


@click.command()
@click.option("--bits", default=BITS, show_default=True, help="Bits of the ladder's scalar.")
def main(bits: int) -> None:
    """Counts the instructions of the kernels on a Cortex-M0."""
    viper = counts_of("field25519", run_by_viper, seal, bits)
    thumb = counts_of("thumb_field25519", run_by_thumb, thumb_seal, bits)
    print(f"{'':<34} {'viper':>10} {'Thumb':>10} {'ratio':>6}")
    for name, count in viper.items():
        print(f"{name:<34} {count:>10} {thumb[name]:>10} {thumb[name] / count:>6.2f}")


if __name__ == "__main__":
    main()
