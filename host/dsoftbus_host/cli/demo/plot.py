"""Values over time, drawn in a terminal with block characters, or as SVG."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dsoftbus_host.cli.demo.svg import Drawing

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_GUTTER = 7  # columns for the scale, left of a chart


@dataclass
class Series:
    """One chart: `values` over equal pieces of `duration_ms`, and when something happened."""

    title: str
    colour: str
    values: Sequence[float]
    duration_ms: int
    marks_ms: Sequence[int] = ()

    @property
    def top(self) -> float:
        return max(*self.values, 1.0)


def at(times: Sequence[int], values: Sequence[float], when: float) -> float:
    """The value at `when`, on the line between its neighbours in time."""
    i = bisect_left(times, when)
    if i == 0 or i == len(times):
        return values[min(i, len(values) - 1)]
    part = (when - times[i - 1]) / (times[i] - times[i - 1])
    return values[i - 1] + (values[i] - values[i - 1]) * part


def levels(times: Sequence[int], values: Sequence[float], count: int) -> list[float]:
    """`count` values at equal distances, each in the middle of its piece."""
    piece = times[-1] / count
    return [at(times, values, piece * (n + 0.5)) for n in range(count)]


def growth(times: Sequence[int], values: Sequence[float], count: int) -> list[float]:
    """The growth of a sum, in each of `count` equal pieces of time."""
    piece = times[-1] / count
    edges = [at(times, values, piece * n) for n in range(count + 1)]
    return [after - before for before, after in pairwise(edges)]


def in_terminal(series: Series, height: int) -> list[str]:
    """Lines: the title, `height` of blocks beside their scale, and the time beneath."""
    lines = [series.title]
    for row in reversed(range(height)):
        scale = f"{series.top:.0f}" if row == height - 1 else ""
        lines.append(f"{scale:>{_GUTTER}} │" + _row(series, row, height))
    axis = list("─" * len(series.values))
    for mark in series.marks_ms:
        axis[min(mark * len(axis) // max(series.duration_ms, 1), len(axis) - 1)] = "▲"
    end = f"{series.duration_ms / 1000:.1f} s"
    lines.append(f"{'0':>{_GUTTER}} └" + "".join(axis))
    lines.append(" " * (_GUTTER + 2) + "0" + end.rjust(len(axis) - 1))
    return lines


def columns(width: int) -> int:
    """Returns how many values fit into a terminal of this width."""
    return max(width - _GUTTER - 2, 1)


def _row(series: Series, row: int, height: int) -> str:
    """Draws one row of a plot. Any value above zero is drawn."""
    unit = series.top / (height * 8)
    eighths = (max(round(value / unit), value > 0) - row * 8 for value in series.values)
    return "".join(_EIGHTHS[min(max(n, 0), 8)] for n in eighths).rstrip()


def as_svg(title: str, charts: Sequence[Series]) -> str:
    """The charts, one beneath the other."""
    left, width, height, step = 70, 620, 100, 150
    drawing = Drawing(left + width + 20, 40 + step * len(charts))
    drawing.text(left, 22, title)
    for n, series in enumerate(charts):
        bottom = 50 + step * n + height
        drawing.text(left, bottom - height - 4, series.title)
        drawing.text(8, bottom - height + 12, f"{series.top:.0f}")
        drawing.text(8, bottom, "0")
        for mark in series.marks_ms:
            x = left + width * mark / max(series.duration_ms, 1)
            drawing.line([(x, bottom), (x, bottom - height)], "#bbbbbb")
        pace = width / len(series.values)
        line = [
            (left + pace * (i + 0.5), bottom - height * value / series.top)
            for i, value in enumerate(series.values)
        ]
        drawing.line([(left, bottom), (left + width, bottom)], "#888888")
        drawing.line(line, series.colour)
        drawing.text(left, bottom + 16, "0")
        drawing.text(left + width - 40, bottom + 16, f"{series.duration_ms / 1000:.1f} s")
    return str(drawing)
