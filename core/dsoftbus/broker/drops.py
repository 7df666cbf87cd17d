"""Letters and cards that are dropped, counted by kind (docs/broker.md)."""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


MALFORMED = const(0)
OVER_BUDGET = const(1)
NOT_FROM_GROUP = const(2)
TOO_OLD = const(3)
WRONG_SLOT = const(4)
EXPIRED = const(5)
NO_ROOM = const(6)

KINDS = const(7)


class Drops:
    """`count[kind]`, for one group of one node."""

    def __init__(self) -> None:
        self.count = [0] * KINDS

    def add(self, kind: int) -> None:
        self.count[kind] += 1
