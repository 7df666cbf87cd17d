"""The labels of the kinds of `drops`, in their order."""

if False:  # for types
    from dsoftbus.broker.drops import Drops


LABELS = (
    "broker.drop.malformed",
    "broker.drop.over_budget",
    "broker.drop.not_from_group",
    "broker.drop.too_old",
    "broker.drop.wrong_slot",
    "broker.drop.expired",
    "broker.drop.no_room",
)


def labelled(drops: "Drops") -> dict[str, int]:
    """Label -> count, of the kinds that `drops` has seen."""
    return {LABELS[kind]: n for kind, n in enumerate(drops.count) if n}
