"""A slice: modules that a board has together."""

from __future__ import annotations

from typing import NamedTuple


class Slice(NamedTuple):
    """`modules` in the order in which a board loads them; `needs` are other slices.

    `late` are those that it loads when something asks for what they do: on the board they must be.
    """

    about: str
    needs: tuple[str, ...]
    modules: tuple[str, ...]
    late: tuple[str, ...] = ()


def of(package: str, names: str) -> tuple[str, ...]:
    return tuple(f"{package}.{name}" for name in names.split())
