"""Values of services in JSON, as people type them and programs read them.

JSON has neither bytes, nor infinite floats, nor maps with ints for keys. An object with one key, a
mark, stands for these: docs/commands.md has the table.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import Any

from dsoftbus.errors import BAD_ARGUMENT, LocalError

_BYTES = "$base64"
_FLOAT = "$float"
_MAP = "$map"
_MARKS = (_BYTES, _FLOAT, _MAP)
_INFINITE = {"inf": math.inf, "-inf": -math.inf}
_QUOTES = "a text stands in quotes, '\"like this\"'"


def said(value: Any) -> str:
    """A value as one line of JSON, in ASCII, so that every terminal can show it."""
    return json.dumps(plain(value), allow_nan=False)


def parsed(text: str) -> Any:
    """The value that this JSON says. Raises LocalError(BAD_ARGUMENT)."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise _wrong(f"the value is no JSON ({where}); {_QUOTES}") from None
    except RecursionError:
        raise _wrong("the value is too deep") from None
    except ValueError:  # more digits than Python reads
        raise _wrong("a number of the value is too long") from None


def plain(value: Any) -> Any:
    """A value as what JSON has, with marks for the rest."""
    if isinstance(value, bytes):
        return {_BYTES: base64.b64encode(value).decode()}
    if isinstance(value, float) and math.isinf(value):
        return {_FLOAT: "inf" if value > 0 else "-inf"}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return _map(value)
    return value


def _map(value: dict[Any, Any]) -> dict[str, Any]:
    like_mark = len(value) == 1 and next(iter(value)) in _MARKS
    if like_mark or not all(isinstance(key, str) for key in value):
        return {_MAP: [[key, plain(item)] for key, item in value.items()]}
    return {key: plain(item) for key, item in value.items()}


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """An object of the text: a map, or what a mark stands for."""
    if len(pairs) == 1 and pairs[0][0] in _MARKS:
        return _marked(*pairs[0])
    return _unique(pairs)


def _marked(mark: str, about: Any) -> Any:
    if mark == _FLOAT and isinstance(about, str) and about in _INFINITE:
        return _INFINITE[about]
    if mark == _BYTES and isinstance(about, str):
        try:
            return base64.b64decode(about, validate=True)
        except (binascii.Error, ValueError):
            raise _wrong(f"{_BYTES}: that is no base64") from None
    if mark == _MAP and isinstance(about, list) and all(map(_is_pair, about)):
        return _unique(about)
    raise _wrong(f"{mark}: that is no value of this mark")


def _is_pair(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2 and type(item[0]) in (str, int)


def _unique(pairs: list[Any]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _wrong("the value has a key twice")
    return found


def _refuse(name: str) -> Any:
    raise _wrong(f"{name} is no number of JSON")


def _wrong(text: str) -> LocalError:
    return LocalError(BAD_ARGUMENT, text)
