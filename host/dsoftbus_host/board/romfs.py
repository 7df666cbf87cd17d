"""A node in a board's ROM partition: its code runs where it lies in flash, and takes no heap.

As an installation in the file system, it is bootable at the end or not at all: `main.py` is away
while the partition is written, and comes back last. Copies of the node's code in the file system
go, for a board might find them first.
"""

from __future__ import annotations

from dsoftbus.errors import BAD_STATE, LocalError, Unsupported
from dsoftbus_host.board import install, partition
from dsoftbus_host.board.fit import KIB, kib
from dsoftbus_host.board.install import CONFIG, LIB, MAIN, Done, Progress
from dsoftbus_host.board.make import compiler
from dsoftbus_host.board.make.boards import PROFILE, Board
from dsoftbus_host.board.remote import NEW, Remote


def image(board: Board, architecture: str) -> bytes:
    """Returns the files of a board, without `main.py` and its configuration, as one image.

    Bytecode runs in place. Machine code MicroPython copies into RAM, here as elsewhere; without it
    (`architecture` "") a node has more heap and slow crypto.
    """
    files = install.files_for(board, architecture)
    source = files.pop(f"{LIB}/{PROFILE}.py").decode()
    files[f"{LIB}/{PROFILE}.mpy"] = compiler.compiled(source, PROFILE)
    return partition.packed(files)


def deploy(
    remote: Remote,
    board: Board,
    progress: Progress,
    bytecode: bool = False,
    replace: bool = False,
) -> Done:
    """Raises LocalError, with the board at its REPL or as it was; Unsupported.

    `bytecode`: no machine code. `replace`: the partition may hold programs of others, which are
    lost.
    """
    wanted = image(board, "" if bytecode else remote.architecture)
    written = not _checked(remote, wanted, replace).holds(wanted)
    there = install.look(remote, [MAIN, CONFIG, MAIN + NEW, CONFIG + NEW, *install.RECORDS])
    copies = [path for path in there if path not in (MAIN, CONFIG, CONFIG + NEW)]
    if not (written or copies) and install.is_complete(board, there):
        return Done(0, 0)
    aside = install.take_main_away(remote, there)
    if written:
        total = len(wanted)
        partition.write(remote, wanted, lambda done: progress(done, total, "/rom"))
        progress(total, total, "")
    install.drop(remote, copies)
    install.finish(remote, board, there)
    return Done(written + 1, len(copies), aside)


def _checked(remote: Remote, wanted: bytes, replace: bool) -> partition.Partition:
    """Before anything is touched."""
    found = partition.find(remote, len(wanted))
    if found is None:
        raise Unsupported(
            "a ROM partition: this board's firmware has none; take one that is built with it, or"
            " `dsoftbus board install`, which puts the node into the file system"
        )
    if len(wanted) > found.size:
        raise LocalError(
            BAD_STATE,
            f"the node takes {kib(len(wanted))} KiB, and the ROM partition has"
            f" {found.size // KIB}: take a firmware with more, or `dsoftbus board install`",
        )
    if found.others and not replace:
        names = ", ".join(sorted(found.others))
        raise LocalError(
            BAD_STATE,
            f"the ROM partition holds programs of others ({names}), and has room for one image:"
            " --replace to lose them",
        )
    return found
