"""The groups that this node takes part in: a file beside the trust store, as secret as a key.

JSON, `{NAME: {"token": TOKEN}}`, of which each has a `ca` where its broker has a certificate of
its own.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import NamedTuple

from dsoftbus.base.codec import is_name
from dsoftbus.broker import group_token
from dsoftbus.broker.group import Group
from dsoftbus.const import NODE_NAME_MAX
from dsoftbus.errors import BAD_ARGUMENT, KEY_FILE, LocalError, PeerError
from dsoftbus_host.storage import secret_files
from dsoftbus_host.storage.atomic_file import place, writing

GROUPS_MAX = 32
_BYTES_MAX = 1 << 20


class KnownGroup(NamedTuple):
    """A group, and the file with the certificate of its broker's authority, or "" for those of
    the system."""

    group: Group
    ca: str = ""


def beside(trust_path: Path) -> Path:
    """The file that goes with a trust store."""
    return trust_path.with_name(trust_path.name + ".groups")


def load(path: Path) -> dict[str, KnownGroup]:
    """The groups by their names; none where there is no file.

    Raises LocalError(KEY_FILE) for a damaged file, and for one that others may read; OSError.
    """
    secret_files.note(path)
    try:
        with path.open("rb") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
                remedy = f"chmod 600 {shlex.quote(str(path))}"
                raise LocalError(KEY_FILE, f"{path}: others may read it; run: {remedy}")
            data = file.read(_BYTES_MAX)
    except FileNotFoundError:
        return {}
    try:
        return {name: _known(name, value) for name, value in json.loads(data).items()}
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError, PeerError):
        raise LocalError(KEY_FILE, f"{path}: it is damaged") from None


def named(path: Path, name: str) -> KnownGroup:
    """The group of this name. Raises as `load`, and LocalError(BAD_ARGUMENT) where there is
    none."""
    known = load(path).get(name)
    if known is None:
        raise LocalError(
            BAD_ARGUMENT,
            f"{name}: no such group; `dsoftbus group list` shows those that are there",
        )
    return known


def called(group: Group, name: str) -> Group:
    """The same group, as people call it here."""
    return Group(group.secret, name, group.broker, group.prefix)


def add(path: Path, known: KnownGroup) -> None:
    """Keeps a group. Raises as `load`, and LocalError(BAD_ARGUMENT) for a name that is taken or is
    none, LocalError(STORE_BUSY)."""
    name = known.group.name
    if not name or not is_name(name) or len(name.encode()) > NODE_NAME_MAX or "/" in name:
        raise LocalError(BAD_ARGUMENT, f"{name}: a group's name has 1 to 32 bytes, and no /")
    with writing(path):
        groups = load(path)
        if name in groups or len(groups) >= GROUPS_MAX:
            taken = f"there is a group {name}: leave it first, or give this one another --name"
            raise LocalError(BAD_ARGUMENT, taken if name in groups else "too many groups")
        groups[name] = known
        _place(path, groups)


def remove(path: Path, name: str) -> None:
    """Forgets a group. Raises as `named`."""
    with writing(path):
        named(path, name)
        groups = load(path)
        del groups[name]
        _place(path, groups)


def _place(path: Path, groups: dict[str, KnownGroup]) -> None:
    values = {}
    for name, known in groups.items():
        values[name] = {"token": group_token.encode(known.group)}
        if known.ca:
            values[name]["ca"] = known.ca
    place(path, json.dumps(values, indent=1).encode())


def _known(name: str, value: dict[str, str]) -> KnownGroup:
    group = group_token.decode(value["token"])
    return KnownGroup(called(group, name), str(value.get("ca", "")))
