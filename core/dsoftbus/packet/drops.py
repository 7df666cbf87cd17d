"""Datagrams that are dropped, counted by kind (docs/wire-format.md, what is dropped)."""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


TRUNCATED = const(0)
OVERSIZE = const(1)
UNKNOWN_TYPE = const(2)
UNKNOWN_CONNECTION = const(3)
FORGED = const(4)
REPLAYED = const(5)
STALE = const(6)
EARLY = const(7)
UNEXPECTED = const(8)
UNSUPPORTED = const(9)
COOKIE_ASKED = const(10)
OVER_BUDGET = const(11)
NO_ROOM = const(12)
PATH_NOT_TRIED = const(13)  # the address is dropped, the packet is taken
PATH_UNPROVED = const(14)

KINDS = const(15)


class Drops:
    """`count[kind]`, for one endpoint and all of its sessions."""

    def __init__(self) -> None:
        self.count = [0] * KINDS

    def add(self, kind: int) -> None:
        self.count[kind] += 1
