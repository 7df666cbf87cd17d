"""Judges whether a node fits a board before anything is written there, and advises if it does not.

The board itself says what heap is free at its REPL, which is all that its main.py has. `make
memory` measured the node's part in 32-bit words (`boards/NAME/memory.json`). A program of the
board's owner comes on top.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from dsoftbus.errors import BAD_STATE, LocalError, Unsupported
from dsoftbus_host.board.make import boards, compiler, slices
from dsoftbus_host.board.make.boards import Board
from dsoftbus_host.board.remote import Heap, Remote

KIB = 1024
# A node's heap in words of 64 bits, over that in words of 32: both ports, the same node.
WIDE = 1.45
# An eighth is to stay free: the heap is in pieces, and collections come late (docs/boards.md).
SPARE = 8
FORCE = "`--force` installs it all the same"
OTHER_FIRMWARE = (
    "a firmware with a ROM partition, or with the node frozen in (docs/boards.md), lets"
)


class Plan(NamedTuple):
    """The node that is to come: from the ROM partition (`rom`) or from files; with `bytecode` no
    machine code comes along. `has_rom`: the board has such a partition."""

    board: Board
    rom: bool
    has_rom: bool
    bytecode: bool = False


class Memory(NamedTuple):
    """Bytes of heap of a node: at rest, with a session, at the peaks of a handshake and of a
    transfer; all after a collection."""

    idle: int
    session: int
    handshake: int
    transfer: int


class Fit(NamedTuple):
    """`said`: what the board has and what the node takes, in a line; `warning`: "" where that is
    well enough."""

    said: str
    warning: str = ""


def check_kind(board: Board, force: bool = False) -> None:
    """Raises Unsupported for a board whose node does not run from files."""
    if not board.from_files and not force:
        raise Unsupported(
            f"the node of {board.name} as files, which are more than such a board holds:"
            " `dsoftbus board romfs` puts it into the ROM partition of a firmware that has one,"
            f" and boards/{board.name}/manifest.py freezes it into one (docs/boards.md); {FORCE}"
        )


def check_heap(remote: Remote, plan: Plan, force: bool = False) -> Fit:
    """Compares what the node takes of the board's heap with what is there.

    Raises LocalError(BAD_STATE) where it cannot run, unless `force`.
    """
    heap = remote.heap
    takes = _takes(plan, heap)
    said = f"heap: {_had(heap)}; {_taken(takes)}"
    if heap is None or takes is None:
        return Fit(said)
    if max(takes.session, takes.handshake) > heap.free:
        refused = f"{said}: no session would come to be; {_ways(plan, heap)}"
        if not force:
            raise LocalError(BAD_STATE, f"{refused}; {FORCE}")
        return Fit(said, refused)
    if max(takes) > heap.free - heap.free // SPARE:
        return Fit(said, f"that is tight, and may be too little under load: {_ways(plan, heap)}")
    return Fit(said)


def _had(heap: Heap | None) -> str:
    if heap is None:
        return "the board does not report its heap"
    return f"{heap.free // KIB} of {(heap.free + heap.held) // KIB} KiB are free"


def _taken(takes: Memory | None) -> str:
    if takes is None:
        return "nobody has measured what this node takes"
    idle, session, most = (kib(n) for n in (takes.idle, takes.session, max(takes)))
    return f"the node takes {idle} at rest, {session} with a session, {most} at most"


def _takes(plan: Plan, heap: Heap | None) -> Memory | None:
    """Returns the node's memory in the words of this heap; None if nobody has measured it."""
    measured = _measured(plan.board, plan.rom)
    if measured is None:
        return None
    less = machine_code(plan.board) if plan.bytecode else 0
    less += 0 if plan.rom else _left_out(plan.board)
    return Memory(*(int((n - less) * (WIDE if heap and heap.wide else 1)) for n in measured))


def _measured(board: Board, rom: bool) -> Memory | None:
    """The memory as it was measured, in words of 32 bits."""
    if not board.memory.exists():
        return None
    held = json.loads(board.memory.read_text())["rom" if rom else "heap"]
    return Memory(*(held[step] for step in Memory._fields))


def _left_out(board: Board) -> int:
    """Returns by how many bytes the board's node is smaller than the one that was measured."""
    whole, less = boards.find(board.name), 0
    for name in whole.spare:
        if name not in board.slices:
            less += _code_bytes(whole, name)
            whole = whole.without((name,))
    return less


def machine_code(board: Board) -> int:
    """Bytes of the board's kernels, which are in RAM wherever they come from."""
    names = slices.closure(slices.made_for(board.architecture, board.slices))
    code = [name for name in names if name in slices.MACHINE_CODE]
    return sum(compiler.code_bytes(name, board.architecture) for name in code)


def kib(size: int) -> int:
    """The size in whole KiB, no less than it is."""
    return -(-size // KIB)


def _ways(plan: Plan, heap: Heap) -> str:
    """Returns the remedies, each with its figure."""
    if plan.rom:
        code = 0 if plan.bytecode else machine_code(plan.board)
        told = f"`--bytecode` leaves out {code} bytes of machine code" if code else ""
        return told or "a board with more heap"
    takes = _takes(plan._replace(rom=True), heap)
    told = f", where {_taken(takes)}" if takes else ""
    flash = "`dsoftbus board romfs` lets" if plan.has_rom else OTHER_FIRMWARE
    return f"{fewer(plan.board, _code_bytes)}{flash} its code run from flash{told}"


def fewer(board: Board, freed: Callable[[Board, str], int]) -> str:
    """The slices that the node can do without, with what each frees, where that is anything."""
    sizes = {name: freed(board, name) for name in board.spare}
    listed = [f"{name} ({size} bytes)" for name, size in sizes.items() if size]
    return f"`--without` can leave out {', '.join(listed)}; " if listed else ""


def _code_bytes(board: Board, name: str) -> int:
    """The code that a start loads, as its files have it; in the heap it takes more."""
    if not slices.SPARE[name].at_start:
        return 0
    return sum(map(compiler.code_bytes, slices.gone(board.slices, name, late=False)))
