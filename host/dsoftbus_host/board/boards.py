"""The boards that the project knows: what is put on each."""

from __future__ import annotations

from typing import NamedTuple

from dsoftbus.errors import BAD_ARGUMENT, LocalError


class Board(NamedTuple):
    """`profile` is a class of dsoftbus.const; `slices` are all that its main.py needs."""

    about: str
    profile: str
    slices: tuple[str, ...]


_SERIAL = ("kernels", "portable", "serial", "files", "trust")
_WIFI = (*_SERIAL, "discovery")

BOARDS = {
    "rpi_pico": Board("Raspberry Pi Pico: the cable only", "SMALL", _SERIAL),
    "rpi_pico_w": Board("Raspberry Pi Pico W", "SMALL", _WIFI),
    "esp32": Board("ESP32", "SMALL", _WIFI),
    "esp32_s3": Board("ESP32-S3", "SMALL", _WIFI),
    "esp32_c3": Board("ESP32-C3", "SMALL", _WIFI),
    "pybv11": Board("pyboard 1.1: the cable only", "TINY", _SERIAL),
    "unix": Board("MicroPython's unix port, the board in CI", "SMALL", _SERIAL),
}


def find(name: str) -> Board:
    if name not in BOARDS:
        raise LocalError(BAD_ARGUMENT, f"{name}: a board is one of {', '.join(BOARDS)}")
    return BOARDS[name]
