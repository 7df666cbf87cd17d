"""`config.json` on a board: shown, changed and checked; by the board's own rules."""

from __future__ import annotations

import json
from typing import Any

from dsoftbus.errors import BAD_ARGUMENT, BAD_STATE, LocalError
from dsoftbus_host.board.install import CONFIG
from dsoftbus_host.board.remote import Remote

_PROBLEMS = """
try:
    from dsoftbus_mpy.device import config
    import json
    for _text in config.problems(json.loads({text!r})):
        print(_text)
except ImportError as _error:
    print("!", _error)
"""
DAMAGED = CONFIG + ".damaged"
_HIDDEN = "*" * 8
Values = dict[str, Any]


def read(remote: Remote) -> Values:
    """Returns the settings of the file. Raises LocalError(BAD_STATE) if it is absent or holds
    none."""
    text = remote.read(CONFIG)
    if text is None:
        raise LocalError(BAD_STATE, f"there is no {CONFIG}: `dsoftbus board install` makes one")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LocalError(BAD_STATE, f"{CONFIG} is no JSON ({error})") from None
    if not isinstance(values, dict):
        raise LocalError(BAD_STATE, f"{CONFIG} holds no settings")
    return values


def read_or_begin(remote: Remote) -> Values:
    """Reads as `read` does, for a change: where there are no settings it begins them anew."""
    try:
        return read(remote)
    except LocalError:
        return {}


def _damaged(remote: Remote) -> bool:
    try:
        read(remote)
    except LocalError:
        return remote.read(CONFIG) is not None
    return False


def change(values: Values, words: tuple[str, ...]) -> Values:
    """`values` after NAME=VALUE words; a VALUE is JSON, or else a text, and `null` takes the
    setting out."""
    changed = dict(values)
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise LocalError(BAD_ARGUMENT, f"{word}: NAME=VALUE")
        changed[name] = _value(text)
    return {name: value for name, value in changed.items() if value is not None}


def _value(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(text: str) -> object:
    """NaN and Infinity, which Python takes for JSON and boards do not."""
    raise ValueError(text)


def write(remote: Remote, values: Values) -> None:
    """Puts `values` in the place of the file, if the board's node would take them; else raises
    LocalError(BAD_ARGUMENT), which says what it would take."""
    wrong = remote.run(_PROBLEMS.format(text=json.dumps(values))).splitlines()
    if wrong and wrong[0].startswith("!"):
        raise LocalError(BAD_STATE, f"no node is on this board ({wrong[0][2:]}): install it first")
    if wrong:
        raise LocalError(BAD_ARGUMENT, "nothing was changed:\n" + "\n".join(wrong))
    if _damaged(remote):
        remote.rename(CONFIG, DAMAGED)  # whoever wrote it by hand may want it
    remote.write(CONFIG, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())


def shown(values: Values) -> Values:
    """The settings for a terminal: without the password, and without a group's token."""
    if values.get("group"):
        values = values | {"group": _HIDDEN}
    return values | {"wifi": [values["wifi"][0], _HIDDEN]} if has_password(values) else values


def has_password(values: Values) -> bool:
    wifi = values.get("wifi")
    return isinstance(wifi, list) and len(wifi) == 2 and bool(wifi[1])
