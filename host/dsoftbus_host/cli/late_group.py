"""A group of commands whose modules are loaded when they are asked for: most of a command's start
would go into what the others need."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LateGroup(click.Group):
    """A group that has, beside its own, the commands in `later`: name -> module."""

    def __init__(self, *args: Any, later: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._later = dict(later or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *self._later})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if module := self._later.get(name):
            return command_in(module, name)
        return super().get_command(ctx, name)


def command_in(module: str, name: str) -> click.Command:
    """The command of this name that a module has."""
    found = vars(importlib.import_module(module)).values()
    return next(each for each in found if isinstance(each, click.Command) and each.name == name)


def by_name(package: str | None, modules: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Modules of a package, each with the names of its commands, as `later` has them."""
    return {name: f"{package}.{module}" for module, names in modules.items() for name in names}
