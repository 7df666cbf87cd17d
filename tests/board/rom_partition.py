"""A ROM partition for the board in CI: MicroPython's unix port has none. The lines for its
boot.py.

The partition is the file `rom.bin`, with a copy in the heap where boards have it mapped. It is
flash: erasing sets every bit of a block, writing can only clear bits, and a power cut leaves what
was done until then. An import looks in sys.modules first, and finds the module `vfs` of below.
"""

import os
import sys

import vfs as real

BLOCK = 4096
LEAST_WRITE = 16
EINVAL = 22


class Flash(bytearray):
    """Also the block device that an ESP32's partition is."""

    def erase(self, offset, size):
        if offset % BLOCK or offset + size > len(self):
            raise OSError(EINVAL)
        size = (size + BLOCK - 1) // BLOCK * BLOCK
        self[offset : offset + size] = b"\xff" * size
        self.keep(offset, size)

    def program(self, offset, data):
        if offset + len(data) > len(self) or len(data) % LEAST_WRITE:
            raise OSError(EINVAL)
        for i in range(len(data)):
            self[offset + i] &= data[i]
        self.keep(offset, len(data))

    def keep(self, offset, size):
        with open("rom.bin", "r+b") as file:
            file.seek(offset)
            file.write(memoryview(self)[offset : offset + size])

    def ioctl(self, op, argument):
        if op == 4:
            return len(self) // BLOCK
        if op == 5:
            return BLOCK
        if op == 6:
            self.erase(argument * BLOCK, BLOCK)
        return 0

    def writeblocks(self, block, data, offset):
        self.program(block * BLOCK + offset, data)


class Module:
    """`vfs`, as a port has it that has ROM partitions."""

    mount = real.mount
    umount = real.umount
    VfsRom = real.VfsRom

    def rom_ioctl(op, part=0, *words):
        if op == 1:
            return 1
        if op == 2:
            return shown
        if op == 3:
            flash.erase(*(words if len(words) == 2 else (0, words[0])))
            return LEAST_WRITE
        if op == 4:
            flash.program(*words)
        if op == 6:
            return BLOCK
        return 0


def start(mapped=True):
    """`mapped`: as memory, which most ports have it as; else as a block device."""
    global flash, shown
    flash = Flash(os.stat("rom.bin")[6])
    with open("rom.bin", "rb") as file:
        file.readinto(memoryview(flash))
    shown = memoryview(flash) if mapped else flash
    sys.modules["vfs"] = Module
    try:
        real.mount(real.VfsRom(flash), "/rom")
        sys.path += ["/rom", "/rom/lib"]
    except OSError:
        pass  # nothing is in it yet
