"""Starts of a board whose heap is in pieces: `in_pieces.py`, run as a process of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import tty
from pathlib import Path
from typing import NamedTuple

from dsoftbus.const import KEY_BYTES
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host.board import fit
from dsoftbus_host.board.make import compiler, slices
from dsoftbus_host.board.make.boards import Board
from free_ports import free_port
from portable import micropython

PROGRAM = Path(__file__).with_name("in_pieces.py")
KIB = 1024
BLOCK = 32  # bytes of the unix port's heap
HELD = 40  # blocks that stay where they are
TIMEOUT_S = 120


class Start(NamedTuple):
    """The end of one start: "started", "refused" (it says what it lacks) or "failed"; the largest
    free run before and afterwards, in bytes of the unix port; what was printed."""

    how: str
    before: int
    after: int
    said: str


def first(folder: Path) -> None:
    """Prepares the files of a first start: no key, no trust store."""
    for path in (*folder.glob("dsoftbus.*"), folder / "trust.json"):
        path.unlink(missing_ok=True)


def trusted(folder: Path, board: Board) -> None:
    """Prepares the files of a later start: a key, and as many peers as the profile lets in, with a
    grant."""
    store = TrustStore(board.profile)
    for n in range(board.profile.trusted):
        store.add(Entry(bytes((n,)) * KEY_BYTES, f"peer {n}", [grant("allow both *")], n))
    (folder / "trust.json").write_text(store.encode())


def machine_code(board: Board) -> int:
    """The bytes of machine code that lie in the heap of this board, 0 where it has a place of its
    own for it (ESP32)."""
    if not slices.is_cortex_m(board.architecture):
        return 0
    files = dict(compiler.files(board.slices, board.architecture))
    return len(files["dsoftbus_thumb.mpy"])


def campaign(folder: Path, board: Board, heap_kib: int, starts: int) -> list[Start]:
    """So many starts, by turns first ones and later ones."""
    done, code = [], machine_code(board)
    for seed in range(starts):
        if seed % 2 == 0:
            first(folder)
        else:
            trusted(folder, board)
        done.append(start(folder, heap_kib, seed, code))
    return done


def _own_port(folder: Path) -> None:
    """Gives a node that listens a port that no other board of this machine has."""
    settings = json.loads((folder / "config.json").read_text())
    if "port" in settings:
        settings["port"] = free_port()
        (folder / "config.json").write_text(json.dumps(settings))


def start(folder: Path, heap_kib: int, seed: int, code: int, largest: int = 0) -> Start:
    """One start with a heap of so many KiB of 32-bit words; see `in_pieces.py`."""
    _own_port(folder)
    outer, console = pty.openpty()
    tty.setraw(console)
    heap = int(heap_kib * KIB * fit.WIDE)
    args = (str(seed), str(HELD), str(int(code * fit.WIDE)), *([str(largest)] if largest else []))
    done = subprocess.run(
        (*micropython(), "-X", f"heapsize={heap}", str(PROGRAM), *args),
        cwd=folder,
        stdin=console,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "MICROPYPATH": ".:lib:.frozen"},
        timeout=TIMEOUT_S,
        check=False,
    )
    os.close(outer)
    os.close(console)
    said = done.stdout.decode(errors="replace")
    runs = [int(blocks) * BLOCK for blocks in re.findall(r"max free sz: (\d+)", said)] or [0]
    return Start(_how(said, done.returncode), runs[0], runs[-1], said)


def _how(said: str, status: int) -> str:
    if "\nheap started" in said and status == 0 and "failed:" not in said:
        return "started"
    clean = ("no node: no memory:" in said or "no node: heap:" in said) and "Traceback" not in said
    return "refused" if clean and "heap ended" in said else "failed"
