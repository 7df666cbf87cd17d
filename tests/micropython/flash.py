"""The flash of a board in RAM, with littlefs and FAT, and power that goes at any write."""

import os

from support import Skip

if not hasattr(os, "VfsLfs2") or not hasattr(os, "VfsFat"):
    raise Skip("this port has no littlefs or no FAT")


# File systems whose power was cut. Files that could not be closed on them are so by the collector,
# some time, and that needs them: it has no order.
_cut_off = []


class PowerCut(Exception):
    pass


class Flash:
    """A block device that loses power in the middle of its `cut`-th write (-1: never).

    That write leaves the first `torn` bytes of its data. From then on nothing reaches it, which
    goes unnoticed: what remains of the program is not to stumble over it.
    """

    def __init__(self, block_bytes: int, blocks: int, data=None):
        self.block_bytes = block_bytes
        self.blocks = blocks
        self._erased = b"\xff" * block_bytes
        self.data = bytearray(self._erased * blocks if data is None else data)
        self.cut = -1
        self.dead = False
        self.torn = 0

    def revived(self):
        """Returns this flash after power-up."""
        return Flash(self.block_bytes, self.blocks, self.data)

    def readblocks(self, block, buffer, offset=0):
        if not self.dead:
            at = block * self.block_bytes + offset
            buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        if not self.dead:
            at = block * self.block_bytes + offset
            n = min(self.torn, len(buffer)) if self.cut == 0 else len(buffer)
            self.data[at : at + n] = buffer[:n]
            self._spend()

    def ioctl(self, operation, argument):
        if operation == 4:
            return self.blocks
        if operation == 5:
            return self.block_bytes
        if operation == 6 and not self.dead:  # erase
            at = argument * self.block_bytes
            self.data[at : at + self.block_bytes] = self._erased
            self._spend()
        return 0

    def _spend(self):
        if self.cut == 0:
            self.dead = True
            raise PowerCut
        self.cut -= 1


class Fat:
    """FAT writes sectors, which a card takes wholly or not at all."""

    vfs = os.VfsFat
    blocks = (512, 64)
    torn = (0, 512)


class Littlefs:
    """littlefs knows that any part of what it programs may be lost."""

    vfs = os.VfsLfs2
    blocks = (512, 16)
    torn = (0, 1, 8, 100, 512)


class Mounted:
    """The file system on the flash, as after power-up."""

    def __init__(self, system, flash, where="/flash"):
        self._vfs = system.vfs(flash)
        self._where = where

    def __enter__(self):
        os.mount(self._vfs, self._where)
        return self._where

    def __exit__(self, kind, error, trace):
        os.umount(self._where)
        if kind is not None:
            _cut_off.append(self._vfs)
