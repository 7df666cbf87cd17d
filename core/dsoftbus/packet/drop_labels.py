"""The labels of the kinds of `drops`, in their order."""

if False:  # for types
    from dsoftbus.packet.drops import Drops


LABELS = (
    "drop.truncated",
    "drop.oversize",
    "drop.unknown_type",
    "drop.unknown_connection",
    "drop.forged",
    "drop.replayed",
    "drop.stale",
    "drop.early",
    "drop.unexpected",
    "drop.unsupported",
    "drop.cookie_asked",
    "drop.over_budget",
    "drop.no_room",
    "drop.path_not_tried",
    "drop.path_unproved",
)


def labelled(drops: "Drops") -> dict[str, int]:
    """Label -> count, of the kinds that `drops` has seen."""
    return {LABELS[kind]: n for kind, n in enumerate(drops.count) if n}
