"""A stopwatch for benchmarks, and the figures that its times are told as."""

from __future__ import annotations

import time
from typing import NamedTuple

import table


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
    """A row of the table: what rounds have spent beside the same rounds `of` a reference. The
    ratio of wall time is the row's; of both times there are median, lowest and highest."""
    value, other = (figure.of(table.median([s.wall for s in each])) for each in (spent, of))
    found: dict = table.row(name, value, figure.unit, reference, other)
    pairs = list(zip(spent, of, strict=True))
    found["wall"] = table.spread([figure.ratio(a.wall, b.wall) for a, b in pairs])
    found["cpu"] = table.spread([figure.ratio(a.cpu, b.cpu) for a, b in pairs])
    found["ratio"] = found["wall"][0]
    return found
