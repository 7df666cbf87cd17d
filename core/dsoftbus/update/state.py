"""The states of a track of updates (docs/updates.md): which slot runs, and which is to be tried.

An entry is `[active, trial, started, why]`, as records have it. Nothing here changes one: each
function gives that which takes its place.
"""

from dsoftbus.update.tracks import ROOT, TRACKS

if False:  # for types
    from dsoftbus.contracts import Any

TRIAL_S = 300  # until a trial is confirmed
TRIAL_S_MIN, TRIAL_S_MAX = 30, 3600


class Entry:
    """The entry of one track in a record; where the record has none, the root runs."""

    def __init__(self, state: "dict[str, Any]", track: str) -> None:
        self.active, self.trial, self.started, self.why = state.get(track) or [ROOT, "", 0, ""]

    @property
    def staged(self) -> bool:
        """Returns whether a trial is to be started."""
        return bool(self.trial) and not self.started


def idle(active: str) -> str:
    """The slot that an update goes into."""
    return "b" if active == "a" else "a"


def to_be_tried(entry: Entry, slot: str) -> "list[Any]":
    """`slot` is to be tried at the next start."""
    return [entry.active, slot, 0, ""]


def confirmed(entry: Entry) -> "list[Any]":
    """The slot that is on trial stays."""
    return [entry.trial, "", 0, ""]


def dropped(entry: Entry, why: str) -> "list[Any]":
    """There is no trial any more: what was active stays."""
    return [entry.active, "", 0, why]


def with_entry(
    state: "dict[str, Any]", track: str, entry: "list[Any]", trial_s: int = 0
) -> "dict[str, Any]":
    """The whole of a record's state, with another entry of one track."""
    after: dict[str, Any] = {"trial_s": trial_s or state.get("trial_s", TRIAL_S)}
    for name in TRACKS:
        after[name] = state.get(name) or [ROOT, "", 0, ""]
    after[track] = entry
    return after
