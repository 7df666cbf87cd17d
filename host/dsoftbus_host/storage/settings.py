"""The settings of this user's node: `config.json` in the user's folder, beside the key.

They hold for every program and command of the user that does not say otherwise. JSON, as a board's
`config.json`; each of them may be left out, and so may the file:

| key            | without it       | what it is                                                |
|----------------|------------------|-----------------------------------------------------------|
| `name`         | the host's name  | what people call the node                                 |
| `host`         | every address    | the address to listen at                                  |
| `port`         | any that is free | the port to listen at                                     |
| `interfaces`   | all              | where it announces itself: `["ADDRESS/PREFIX", ...]`      |
| `discovery`    | 37020            | the port of announcements                                 |
| `ask`          | nobody           | `["HOST", "HOST:PORT", ...]` to ask who is there, too,    |
|                |                  | where multicast is filtered                               |
| `serial`       | none             | paths of ports with a node, or a bridge, at the other end |
| `baud`         | 115200           | of these                                                  |
| `keepalive_ms` | 5000             | after so long a silence a sign of life is asked for       |
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from dsoftbus.const import DISCOVERY_PORT
from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_host.address import PORT_MAX
from dsoftbus_host.storage import secret_files

_TEXT_MAX = 65536  # of the file: nobody writes a longer one by hand
_KEEPALIVE_MAX_MS = 3_600_000


class Settings(NamedTuple):
    """The settings of the table above; "" and None for what is left out."""

    name: str = ""
    host: str = ""
    port: int = 0
    interfaces: list[str] | None = None
    discovery: int = DISCOVERY_PORT
    ask: list[str] | tuple[()] = ()
    serial: list[str] | tuple[()] = ()
    baud: int | None = None
    keepalive_ms: int | None = None

    def but(self, **given: Any) -> Settings:
        """These, with what is given (not None) in their place."""
        return self._replace(**{key: value for key, value in given.items() if value is not None})


def load(path: Path | None = None) -> Settings:
    """The settings in the file at `path` (None: this user's), which need not exist.

    Raises LocalError(BAD_ARGUMENT), which says what is wrong with the file and where; OSError.
    """
    if path is None:
        try:
            path = secret_files.settings_folder() / "config.json"
        except LocalError:  # a user without a home has no settings, either
            return Settings()
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(_TEXT_MAX))
    except FileNotFoundError:
        return Settings()
    except (ValueError, RecursionError):
        raise _wrong(path, "no JSON: names and texts in double quotes, commas between") from None
    if not isinstance(values, dict):
        raise _wrong(path, "it has to be {NAME: VALUE, ...}")
    for key, value in values.items():
        _check(path, key, value)
    return Settings(**values)


def _check(path: Path, key: str, value: object) -> None:
    if key not in _KINDS:
        raise _wrong(path, f'there is no setting "{key}"; there are {" ".join(_KINDS)}')
    is_right, words = _KINDS[key]
    if not is_right(value):
        raise _wrong(path, f'"{key}" has to be {words}')


def _wrong(path: Path, what: str) -> LocalError:
    return LocalError(BAD_ARGUMENT, f"{path}: {what}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _number(least: int, most: int) -> Any:
    def is_one(value: object) -> bool:
        return type(value) is int and least <= value <= most

    return is_one


_KINDS: dict[str, tuple[Any, str]] = {
    "name": (_is_text, "a text"),
    "host": (_is_text, "a text"),
    "port": (_number(0, PORT_MAX), "0 to 65535"),
    "interfaces": (_are_texts, '["ADDRESS/PREFIX", ...]'),
    "discovery": (_number(1, PORT_MAX), "1 to 65535"),
    "ask": (_are_texts, '["HOST", "HOST:PORT", ...]'),
    "serial": (_are_texts, '["PATH", ...]'),
    "baud": (_number(1200, 4_000_000), "1200 to 4000000"),
    "keepalive_ms": (_number(100, _KEEPALIVE_MAX_MS), "100 to 3600000"),
}
