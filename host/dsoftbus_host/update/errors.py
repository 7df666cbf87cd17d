"""The ends of an update that only its updater knows, with labels (docs/updates.md)."""

from __future__ import annotations

from dsoftbus.errors import BusError

# Never on the wire.
NO_UPDATES = 0xC9
NOT_ALLOWED = 0xCA
OWN_RULES = 0xCB
STALLED = 0xCC
TAKEN_BACK = 0xCD
NO_RETURN = 0xCE
NO_OTHER = 0xCF
LABELS = {
    NO_UPDATES: "update.none",
    NOT_ALLOWED: "update.not_allowed",
    OWN_RULES: "update.own_rules",
    STALLED: "update.stalled",
    TAKEN_BACK: "update.taken_back",
    NO_RETURN: "update.no_return",
    NO_OTHER: "update.no_other",
}


class UpdateError(BusError):
    """An update that came to nothing; `code` is one of this module's."""

    @property
    def label(self) -> str:
        """The stable name of `code`, for people and logs."""
        return LABELS[self.code]
