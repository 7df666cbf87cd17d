"""The boards that the project knows: what their folders say."""

from __future__ import annotations

import functools
import json
import runpy
from pathlib import Path
from typing import Any, NamedTuple

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_host.board.make.broker_slices import ASKED_FOR
from dsoftbus_host.board.make.service_slices import ON_BOARDS
from dsoftbus_host.board.make.slices import BOARDS, SPARE, path_of, source_of, without

PROFILE = "dsoftbus_profile"  # the module of that name on a board
BOOT = "dsoftbus_boot"  # the start program: a module of that name, and of no slice
_BOOT_FROM = f"dsoftbus_mpy.device.{BOOT}"
_PINS = ("UART", "LED", "ADC")


class Board(NamedTuple):
    """A folder of `boards/`. `links` are what the node can be reached by, `profile` is a class as
    those of dsoftbus.const, `slices` are all that its `main.py` may load, `firmware` the manifest
    that its firmware is built with, `architecture` what `mpy-cross -march` calls its machine code,
    `machine` its `sys.platform` and how what its firmware calls it ends. Without `from_files` it
    holds the node in a ROM partition or in its firmware alone.
    """

    name: str
    about: str
    links: tuple[str, ...]
    profile: type
    slices: tuple[str, ...]
    firmware: str
    architecture: str
    machine: tuple[str, str]
    pins: dict[str, Any]
    from_files: bool

    @property
    def folder(self) -> Path:
        return BOARDS / self.name

    @property
    def main(self) -> bytes:
        return (self.folder / "main.py").read_bytes()

    @property
    def config(self) -> bytes:
        """The example, which a board without a config.json gets."""
        return (self.folder / "config.json").read_bytes()

    @property
    def memory(self) -> Path:
        """The file of its node's use of the heap, by `make memory`: {"heap": FIGURES, "rom":
        FIGURES} for the code from files and in ROM; FIGURES are bytes by "idle", "session",
        "handshake" and "transfer"."""
        return self.folder / "memory.json"

    @property
    def spare(self) -> list[str]:
        """The slices that it can do without."""
        return [name for name in self.slices if name in SPARE]

    def without(self, names: tuple[str, ...]) -> Board:
        """The same board with a node that lacks these slices. Raises LocalError(BAD_ARGUMENT)."""
        left = self
        for name in names:
            if name not in left.spare:
                raise LocalError(
                    BAD_ARGUMENT, f"{name}: {self.name} can do without {', '.join(left.spare)}"
                )
            left = left._replace(slices=without(left.slices, name))
        return left

    def for_settings(self, values: dict[str, Any]) -> Board:
        """The same board with what these settings of a config.json ask for besides."""
        asked = (name for setting, name in ASKED_FOR.items() if values.get(setting))
        more = tuple(name for name in asked if name not in self.slices)
        return self._replace(slices=(*self.slices, *more))

    def is_like(self, platform: str, machine: str) -> bool:
        """Returns whether a board that says this of itself (`Remote.machine`) is of this kind."""
        mine, end = self.machine
        return platform == mine and machine.endswith(end)

    def profile_source(self) -> str:
        """The profile as a module that loads no other: a board has no use for those of const."""
        pins = "".join(f"{name} = {_written(value)}\n" for name, value in self.pins.items())
        return f"class PROFILE:\n{_limits(self.profile)}\n\n{pins}"


def _written(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _limits(profile: type) -> str:
    values: dict[str, int] = {}
    for parent in reversed(profile.__mro__[:-1]):
        values |= {key: value for key, value in vars(parent).items() if key[0] != "_"}
    return "".join(f"    {key} = {value}\n" for key, value in values.items())


@functools.cache
def every() -> dict[str, Board]:
    """The boards by name."""
    folders = sorted(path.parent for path in BOARDS.glob("*/profile.py"))
    return {folder.name: _read(folder) for folder in folders}


def _read(folder: Path) -> Board:
    said = runpy.run_path(str(folder / "profile.py"))
    pins = {name: said[name] for name in _PINS}
    about, links, profile = said["ABOUT"], said["LINKS"], said["PROFILE"]
    own = (_slices(said["SLICES"]), said["FIRMWARE"], said["ARCHITECTURE"], said["MACHINE"])
    from_files = said.get("FROM_FILES", True)
    return Board(folder.name, about, links, profile, *own, pins, from_files)


def _slices(names: tuple[str, ...]) -> tuple[str, ...]:
    """`services` stands for all of them, which a board can do without one by one."""
    return tuple(each for name in names for each in (ON_BOARDS if name == "services" else (name,)))


def like(platform: str, machine: str) -> Board:
    """The kind of board that says this of itself (`Board.is_like`); of several the one that says
    most. Raises LocalError(BAD_ARGUMENT)."""
    found = [board for board in every().values() if board.is_like(platform, machine)]
    if not found:
        raise LocalError(
            BAD_ARGUMENT, f"no board here is like {machine or platform or 'that one'}"
        )
    return max(found, key=lambda board: len(board.machine[1]))


def boot_source() -> str:
    """The source of the start program."""
    return source_of(_BOOT_FROM)


def boot_path() -> str:
    """The path of that source, from the project's folder."""
    return path_of(_BOOT_FROM)


def find(name: str) -> Board:
    if name not in every():
        raise LocalError(BAD_ARGUMENT, f"{name}: a board is one of {', '.join(every())}")
    return every()[name]
