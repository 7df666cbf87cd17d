"""Write docs/memory.md: what a node costs on a board, in bytes of heap and of `.mpy`."""

from collections.abc import Iterator
from typing import NamedTuple

from dsoftbus.const import SMALL
from dsoftbus_host.board.make import compiler, slices
from memory_port import HERE, ROOT, port

PAGE = ROOT / "docs" / "memory.md"
LIMITS = ROOT / "docs" / "limits.md"
MARK = "<!-- written by make memory -->\n"
HOLDERS = "<!-- written by make memory: holders -->\n"  # between two of them (`memory_heap`)


class Kind(NamedTuple):
    """A kind of node: the slices that it loads (portable crypto, for the port has no viper)."""

    name: str
    slices: tuple[str, ...]
    links: str  # what scenario.py gives it
    aim: int  # bytes with one live session; 0: none
    in_flash: int  # the same, with the code there
    services: tuple[str, ...] = ()  # streams of a session, instead of one of bytes


WIFI = ("portable", "tcp", "discovery", "noise", "wifi")
MINIMAL = ("portable", "loop-serial")
KINDS = (
    Kind("Wi-Fi sensor: Bus, TCP, trust, discovery", WIFI, "tcp", 96 * 1024, 96 * 1024),
    Kind(
        "the same that publishes a state and answers a call",
        (*WIFI, "topics", "answering"),
        "tcp",
        104 * 1024,
        60 * 1024,
        ("topics", "calls"),
    ),
    Kind("the sensor that shares a folder", (*WIFI, "files"), "tcp", 0, 0),
    Kind("the same while a peer uses it", (*WIFI, "files", "sharing"), "tcp", 0, 0),
    Kind("a UART only, minimal: a bare loop, a list of keys", MINIMAL, "loop", 65536, 65536),
    Kind(
        "the same that publishes a state",
        (*MINIMAL, "publications"),
        "loop",
        70 * 1024,
        70 * 1024,
        ("topics",),
    ),
    Kind("a line and Bus alone: no trust, no discovery", ("portable", "serial"), "serial", 0, 0),
)

HEAD = """\
# Memory

Heap in use on MicroPython's 32-bit port (WebAssembly), by `gc.mem_alloc()` after a collection,
with `.mpy` files as a board has them: each slice linked into one module, constants folded in,
names short. The profile is SMALL, the crypto is the portable one, since that port runs no machine
code. Written by `make memory`.

These are kinds of nodes, for comparison. **A board holds more**: trust, machine code, noise and
announcements; [boards](boards.md#memory) has what each one holds as it is installed.
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
these few, up to what docs/limits.md says. A node with services has their streams instead, one
subscription and one topic, and has answered one call; its peer, which asks, is not counted. What
only handshakes need (`handshake`, `openings`, `x25519`) leaves the heap when none is under way;
while one is, it is {handshake} bytes more.
**Where a figure is above its aim, the aim is missed:** such a node needs a board with more heap,
or its code in flash, by ROMFS or frozen into the firmware.
"""
IN_LIMITS = """\
| node | idle | one session | four | one, code in flash | aim, with one |
|---|---:|---:|---:|---:|---:|
"""
FAST_PEER = """
## A fast peer

Credit is promised beforehand, and memory is taken when bytes come, so that many streams need the
memory of those few that hold bytes. Where there is none, nothing is lost and no session ends for
it: a record of TCP stays where it is, and the link is not read; a segment of UDP or of a serial
line is not acknowledged, and comes again. A stream whose bytes had to wait gets half of its window
back when its program has read, down to a quarter of the first, and the whole again once there is
room for it. Buffers are not kept for later meanwhile, and 1,280 bytes are left to the program.
After 30 s without a byte that could be taken the session ends with `session.end.no_memory`.

100 KB as fast as the peer can, to MicroPython's unix port with the slices of a board
(`tests/board/test_fast_peer.py`): the least that has to be free once the node has started, before
the session and its handshake, in 64-bit words, where objects take twice the room.

| link | ended before, with | held now, from | below that |
|---|---:|---:|---|
| TCP | | 40 KB | a handshake may find no piece of 1,280 bytes: at 39 KB 3 of 30 |
| serial line | 37, 38 and 42 KB | 33 KB | not measured |
| UDP | 37 and 40 KB | 40 KB | the session may stall: [limits](limits.md) |
"""
SHARED = """
## A folder that is shared

What a board holds for `bus.share` at rest is `files`. While a peer uses the folder, `sharing`,
`share-files`, `share-moving` and `share-words` are there, too (their heap is in the table below),
and for its first list `share-listing`, for a file on FAT `fat-store`; they leave the heap with the
last transfer. Programs that send and fetch have `sending`. In flash all of these are 16 KB of
`.mpy`, 2.5 KB more with `sending`.

`make bench-share-board` moves 1 MB to a node on the unix port and back (TCP on loopback, the
slices of a board, file systems in memory). Heap is in 64-bit words there, where objects take twice
the room:

| | littlefs | FAT |
|---|---:|---:|
| heap of a folder that is shared, at rest | 3.4 KB | 5.2 KB |
| more while a file is on its way: code, stream, hashes, a buffer of 2 KB | 36.5 KB | 34.3 KB |
| of these all but code, as it was before that left | 8.2 KB | 6.8 KB |
| stored, MB/s | 2.71 | 2.05 |
| to the same bytes on a stream that the node drops | 0.83 | 1.24 |
| to the file system's own writes in the same pieces, in memory | 0.06 | 0.00 |

What takes the time is the session, not the file: a stream's bytes cost fifteen times what littlefs
in memory does. On a board the flash is the slower part only where it writes below the link's
speed.
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

A rare method (`board/make/rare_methods.py`) costs its first call a load of the module: that of
`trust` 8768 bytes of heap and 1,089,000 instructions of x86-64 on the unix port (64-bit), that of
`asyncio` 3360 and 499,000, that of `core` 3840 and 538,000. A method that no start calls (`SELDOM`
there) loads a second module after it: with both `trust` takes 17088 and 1,611,000, `asyncio` 11520
and 1,287,000. By a Pico's 70 us for what were 5,700 of them, that is **an estimate of 13, 6 and
7 ms, and of 20 and 16 ms with both**, beside what its flash takes to read 2 to 6 KB. `unload`
gives the heap back in the next turn in which no handshake is under way.

## Holders

The whole heap of a board's node, its code from files, at three moments: idle, with one session,
and in a transfer whose far end does not read. Each piece is counted where it is reached first, in
whole blocks of 16 bytes. `bytecode` is one piece for each function, `functions` are their objects,
`classes` types with their tables of methods, `tables` globals, names in use and constants. What an
object alone points at is its own. `portable` stands for the board's machine code.

{holders}{holders}"""


def main() -> None:
    in_heap = {kind: measured(kind) for kind in KINDS}
    in_flash = {kind: measured(kind, rom=True) for kind in KINDS}
    text = HEAD + IN_HEAP + "".join(row(kind, held, kind.aim) for kind, held in in_heap.items())
    text += IN_FLASH + "".join(row(kind, held, kind.in_flash) for kind, held in in_flash.items())
    loaded = [held["handshake"] - held["idle"] for held in in_heap.values()]
    text += NOTE.format(handshake=max(loaded)) + FAST_PEER + SHARED + SLICES + slice_rows(in_heap)
    PAGE.write_text(text + TAIL.format(holders=HOLDERS))
    show_in_limits(in_heap, in_flash)
    print(f"wrote {PAGE.relative_to(ROOT)}, and its table in {LIMITS.relative_to(ROOT)}")


Held = dict[str, int]  # bytes of heap in use, by step


def row(kind: Kind, held: Held, aim: int) -> str:
    cells = " | ".join(str(n) for n in (*node_bytes(kind, held), aim or ""))
    return f"| {kind.name} | {cells} |\n"


def node_bytes(kind: Kind, held: Held) -> list[int]:
    """Code, and one node that is idle, has one session, and has four."""
    code = held[slices.closure(kind.slices, late=False)[-1]]
    idle = code + (held["idle"] - held["program"]) // 2
    services = held["services"] - held["one-session"]  # of the one that has them
    one = idle + (held["one-session"] - held["idle"]) // 2 + services
    return [code, idle, one, one + (held["four-sessions"] - held["services"]) // 2]


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
    """Returns the bytes of the slice's linked module, and of its modules that stay by
    themselves."""
    architecture = "armv6m" if name in slices.MACHINE_CODE else ""
    files = dict(compiler.files((name,), architecture))
    loose = [compiler.on_board(m)[:-3] for m in slices.modules_of(name) if m in slices.LOOSE]
    return sum(len(files.get(f"{path}.mpy", b"")) for path in [compiler.unit(name), *loose])


def measured(kind: Kind, rom: bool = False) -> Held:
    """Bytes of heap in use after every step, with the code in the heap or in ROM."""
    files = {f"lib/{path}": data for path, data in compiler.files(kind.slices, "")}
    plan = f"LINKS = {kind.links!r}\nSERVICES = {kind.services!r}\n\n\n{profile()}"
    with port(files, rom) as board:
        prepare = (HERE / "prepare.py").read_text()
        held = {"base": board.run(prepare, files={"/lib/plan.py": plan.encode()}).held}
        for name, program in steps(kind):
            held[name] = board.run(program).held
    return held


def steps(kind: Kind) -> Iterator[tuple[str, str]]:
    """Yields the programs to run, one by one: the slices, then the parts of the scenario."""
    for name in slices.closure(kind.slices, late=False):
        yield name, f"import {compiler.unit(name)}\n" if compiler.linked_source(name) else ""
    for part in (HERE / "scenario.py").read_text().split("# step ")[1:]:
        name, text = part.split("\n", 1)
        yield name, compiler.program_source(text)


def profile() -> str:
    """SMALL as a class of its own, as a board's profile.py has it; one peer has all sessions."""
    limits = {**vars(SMALL), "peer_sessions": SMALL.sessions}
    values = (f"    {k} = {v}\n" for k, v in limits.items() if not k.startswith("_"))
    return "class PROFILE:\n" + "".join(values)


if __name__ == "__main__":
    main()
