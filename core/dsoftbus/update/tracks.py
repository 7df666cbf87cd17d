"""The tracks of updates, and where the files of each lie on a board (docs/updates.md)."""

APP = "app"
SYSTEM = "system"
TRACKS = (APP, SYSTEM)
PREFIXES = {APP: "app_", SYSTEM: "lib_"}  # of the slots' folders
ROOTS = {APP: "", SYSTEM: "lib/"}  # where files of the root lie
ROOT = "r"
SLOTS = "ab"


def folder(track: str, slot: str) -> str:
    """The folder of a slot with `/` at its end, that of the root for `ROOT`."""
    return ROOTS[track] if slot == ROOT else PREFIXES[track] + slot + "/"
