"""A stopwatch for benchmarks, and the figures that its times are told as."""

from __future__ import annotations

import contextlib
import os
import platform
import ssl
import time
from pathlib import Path
from typing import NamedTuple

import table
from cryptography.hazmat.backends.openssl import backend


class Spent(NamedTuple):
    """Seconds."""

    wall: float
    cpu: float  # of this process


class Stopwatch:
    """`with Stopwatch() as watch: ...`; then `watch.spent`."""

    def __enter__(self) -> Stopwatch:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.spent = Spent(time.perf_counter() - self._wall, time.process_time() - self._cpu)


class Figure(NamedTuple):
    """`amount` of something is done in the time that is measured: a rate, or the time for one."""

    unit: str
    amount: float
    rate: bool

    def of(self, seconds: float) -> float:
        """The figure in its unit; times are in us."""
        return self.amount / seconds if self.rate else seconds / self.amount * 1e6

    def ratio(self, seconds: float, reference: float) -> float:
        """This figure to that of the reference."""
        return reference / seconds if self.rate else seconds / reference


def row(name: str, figure: Figure, spent: list[Spent], reference: str, of: list[Spent]) -> dict:
    """A row of the table: what rounds have spent beside the same rounds `of` a reference, as
    `_compared` has it of `wall` and `cpu` time. The row's own figures are of wall time."""
    wall, cpu = (
        _compared(figure, list(ours), list(theirs))
        for ours, theirs in zip(zip(*spent, strict=True), zip(*of, strict=True), strict=True)
    )
    found: dict = table.row(name, wall["value"], figure.unit, reference, wall["reference_value"])
    return found | {"ratio": wall["ratio"][0], "wall": wall, "cpu": cpu}


def _compared(figure: Figure, spent: list[float], of: list[float]) -> dict:
    """Medians of both, and the spread of the ratios of their rounds, pair by pair."""
    ratios = [figure.ratio(one, other) for one, other in zip(spent, of, strict=True)]
    value, reference = (figure.of(table.median(each)) for each in (spent, of))
    return {"value": value, "reference_value": reference, "ratio": table.spread(ratios)}


def report(rows: list[dict], output: Path) -> None:
    """Prints the rows and whose they are, and keeps them in the file `output`."""
    print(machine())
    table.show(rows)
    keep(rows, output)


def keep(rows: list[dict], output: Path) -> None:
    """Writes the rows to the file `output`, and whose they are."""
    output.parent.mkdir(parents=True, exist_ok=True)
    table.write(rows, output, machine())


def machine() -> str:
    """Names the machine and the interpreter that measure."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()},"
        f" CPython {platform.python_version()}, {ssl.OPENSSL_VERSION}"
        f" for TLS and {backend.openssl_version_text()} for the bus"
    )


def _processor() -> str:
    """The name that Linux has for the processor, else that of its kind."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(": ")[2]
    return platform.machine()
