"""A node in a board's ROM partition: its code runs where it lies in flash, and takes no heap.

MicroPython 1.25 and later mount such a partition at `/rom` and look for modules in `/rom/lib`,
where the firmware was built with one. The format of the image and the way of writing it are
`mpremote`'s.
"""

from __future__ import annotations

from dsoftbus.errors import Unsupported


def packed(files: dict[str, bytes]) -> bytes:
    """An image with these files, by path."""
    try:
        from mpremote.romfs import VfsRomWriter
    except ImportError:
        raise Unsupported("mpremote 1.25: pip install 'dsoftbus[board]'") from None
    writer = VfsRomWriter()
    inside: list[str] = []  # the folder that is being written
    for *folder, name in sorted(path.split("/") for path in files):
        while folder[: len(inside)] != inside:
            inside.pop()
            writer.closedir()
        for part in folder[len(inside) :]:
            inside.append(part)
            writer.opendir(part)
        writer.mkfile(name, files["/".join((*folder, name))])
    for _ in inside:
        writer.closedir()
    return bytes(writer.finalise())
