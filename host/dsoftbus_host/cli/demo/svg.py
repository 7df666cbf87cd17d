"""Writes as much of SVG as charts need."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Drawing:
    """Sizes and places in pixels, from the upper left corner; `str` of it is the file."""

    def __init__(self, width: int, height: int) -> None:
        size = f'width="{width}" height="{height}"'
        self._parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-size="13">']

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        place = f'x="{x:g}" y="{y:.1f}" width="{width:g}" height="{height:.1f}"'
        self._parts.append(f'<rect {place} fill="{colour}"/>')

    def text(self, x: float, y: float, text: str) -> None:
        """`y` is the line that the letters stand on."""
        self._parts.append(f'<text x="{x:g}" y="{y:.1f}">{escape(text, quote=False)}</text>')

    def line(self, points: Iterable[tuple[float, float]], colour: str) -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')

    def __str__(self) -> str:
        return "\n".join([*self._parts, "</svg>", ""])
