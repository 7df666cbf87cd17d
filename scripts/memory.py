"""Write docs/memory.md: what a node costs on a board, in bytes of heap and of `.mpy`."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from dsoftbus.const import SMALL
from dsoftbus_host.board import build, partition, slices

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "memory.md"
LIMITS = ROOT / "docs" / "limits.md"
MARK = "<!-- written by make memory -->\n"
HERE = Path(__file__).parent / "memory"
PORT = ROOT / "build/node/node_modules/@micropython/micropython-webassembly-pyscript"


class Kind(NamedTuple):
    """A kind of node: the slices that it loads (portable crypto, for the port has no viper)."""

    name: str
    slices: tuple[str, ...]
    links: str  # what scenario.py gives it
    aim: int  # bytes with one live session; 0: none


WIFI = ("portable", "tcp", "discovery", "noise", "wifi")
MINIMAL = ("portable", "loop-serial")
KINDS = (
    Kind("Wi-Fi sensor: Bus, TCP, trust, discovery", WIFI, "tcp", 96 * 1024),
    Kind("a UART only, minimal: a bare loop, a list of keys", MINIMAL, "loop", 64 * 1024),
    Kind("cable only: Bus", ("portable", "serial"), "serial", 0),
)

HEAD = """\
# Memory

Heap in use on MicroPython's 32-bit port (WebAssembly), by `gc.mem_alloc()` after a collection,
with `.mpy` files as a board has them: each slice linked into one module, constants folded in,
names short. The profile is SMALL, the crypto is the portable one, since that port runs no machine
code. Written by `make memory`.
"""
NODES = """
## Nodes, with the code in {place}

{how}

| node | code | idle | one session | four | aim, with one |
|---|---:|---:|---:|---:|---:|
"""
IN_HEAP = NODES.format(
    place="the heap",
    how="As `dsoftbus board install` leaves it: `.mpy` files in the file system, which an import\n"
    "copies into the heap. Every board can do that.",
)
IN_FLASH = NODES.format(
    place="flash",
    how="As `dsoftbus board romfs` leaves it: the same files in an image (ROMFS) that is mapped\n"
    "into memory, outside of the heap, and run from there. **It takes a firmware with a ROM\n"
    "partition**: those for download for the Pico and the ESP32 have none.",
)
NOTE = """
`code` is the interpreter's own (about 1 KB) and what all slices hold of the heap: with the code in
flash that is their tables, classes and names. A program of one's own comes on top. A node is
`idle` when it exists and has its links, its trust store and its table of peers. A session has one
stream open, on which bytes have been sent and read; its share is half of what a pair of sessions
in one heap adds. Buffers grow to what is sent and received: many bytes at once need more than
these few, up to what docs/limits.md says. What only handshakes need (`handshake`, `openings`,
`x25519`) leaves the heap when none is under way; while one is, it is {handshake} bytes more.
**Where a figure is above its aim, the aim is missed:** such a node needs a board with more heap,
or its code in flash, by ROMFS or frozen into the firmware.
"""
IN_LIMITS = """\
| node | idle | one session | four | one, code in flash | aim, with one |
|---|---:|---:|---:|---:|---:|
"""
SLICES = """
## Slices

| slice | what it is | `.mpy` | heap |
|---|---|---:|---:|
"""
TAIL = """
The heap of a slice is what it adds when those that it needs are there: tables of names grow by
doubling, and whoever comes when one is full pays for the next. `kernels` are counted for ARMv6-M;
machine code lies in RAM, also when it comes from an image in flash, so a board with `kernels`
instead of `portable` needs about their `.mpy` bytes more.
"""


def main() -> None:
    in_heap = {kind: measured(kind) for kind in KINDS}
    in_flash = {kind: measured(kind, rom=True) for kind in KINDS}
    text = HEAD + IN_HEAP + "".join(row(kind, held) for kind, held in in_heap.items())
    text += IN_FLASH + "".join(row(kind, held) for kind, held in in_flash.items())
    loaded = [held["handshake"] - held["idle"] for held in in_heap.values()]
    text += NOTE.format(handshake=max(loaded)) + SLICES + slice_rows(in_heap)
    PAGE.write_text(text + TAIL)
    show_in_limits(in_heap, in_flash)
    print(f"wrote {PAGE.relative_to(ROOT)}, and its table in {LIMITS.relative_to(ROOT)}")


Held = dict[str, int]  # bytes of heap in use, by step


def row(kind: Kind, held: Held) -> str:
    cells = " | ".join(str(n) for n in (*node_bytes(kind, held), kind.aim or ""))
    return f"| {kind.name} | {cells} |\n"


def node_bytes(kind: Kind, held: Held) -> list[int]:
    """Code, and one node that is idle, has one session, and has four."""
    code = held[slices.closure(kind.slices, late=False)[-1]]
    idle = code + (held["idle"] - held["program"]) // 2
    return [code, idle, *(idle + (held[step] - held["idle"]) // 2 for step in SESSIONS)]


SESSIONS = ("one-session", "four-sessions")


def slice_rows(in_heap: dict[Kind, Held]) -> str:
    """Every slice, with what it adds to the heap in the first kind of node that has it."""
    costs: dict[str, int] = {}
    for kind, held in in_heap.items():
        previous = held["base"]
        for name in slices.closure(kind.slices, late=False):
            costs.setdefault(name, held[name] - previous)
            previous = held[name]
    return "".join(
        f"| `{name}` | {part.about} | {mpy_bytes(name)} | {costs.get(name, '')} |\n"
        for name, part in slices.SLICES.items()
    )


def show_in_limits(in_heap: dict[Kind, Held], in_flash: dict[Kind, Held]) -> None:
    text = LIMITS.read_text()
    begin, end = text.index(MARK), text.rindex(MARK)
    rows = ""
    for kind in KINDS:
        heap, flash = node_bytes(kind, in_heap[kind]), node_bytes(kind, in_flash[kind])
        cells = " | ".join(str(n) for n in (*heap[1:], flash[2], kind.aim or ""))
        rows += f"| {kind.name} | {cells} |\n"
    LIMITS.write_text(text[:begin] + MARK + IN_LIMITS + rows + text[end:])


def mpy_bytes(name: str) -> int:
    """Of the slice's linked module, and of those of its modules that stay by themselves."""
    architecture = "armv6m" if name in slices.MACHINE_CODE else ""
    files = dict(build.files((name,), architecture))
    loose = [build.on_board(m)[:-3] for m in slices.modules_of(name) if m in slices.LOOSE]
    return sum(len(files.get(f"{path}.mpy", b"")) for path in [build.unit(name), *loose])


def measured(kind: Kind, rom: bool = False) -> Held:
    """Bytes of heap in use after every step, with the code in the heap or in ROM."""
    files = {f"lib/{path}": data for path, data in build.files(kind.slices, "")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in ({"image": partition.packed(files)} if rom else files).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        (folder / "plan.json").write_text(json.dumps(plan(kind)))
        port = os.environ.get("DSOFTBUS_WASM_PORT") or str(PORT)
        code = folder / ("image" if rom else "lib")
        command = (
            "node",
            "--no-wasm-tier-up",
            str(HERE / "run.mjs"),
            port,
            str(code),
            f"{folder}/plan.json",
        )
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != -signal.SIGTERM:
        sys.exit(run.stdout + run.stderr)
    return dict(json.loads(run.stdout))


def plan(kind: Kind) -> dict:
    steps = [
        [name, f"import {build.unit(name)}\n" if build.linked_source(name) else ""]
        for name in slices.closure(kind.slices, late=False)
    ]
    scenario = (HERE / "scenario.py").read_text().split("# step ")[1:]
    for part in scenario:
        name, text = part.split("\n", 1)
        steps.append([name, build.program_source(text)])
    plan = f"LINKS = {kind.links!r}\n\n\n{profile()}"
    return {"prepare": (HERE / "prepare.py").read_text(), "plan": plan, "steps": steps}


def profile() -> str:
    """SMALL as a class of its own, as a board's profile.py has it; one peer has all sessions."""
    limits = {**vars(SMALL), "peer_sessions": SMALL.sessions}
    values = (f"    {k} = {v}\n" for k, v in limits.items() if not k.startswith("_"))
    return "class PROFILE:\n" + "".join(values)


if __name__ == "__main__":
    main()
