"""The log of a node: what its program has said last, for those who may read it (docs/console.md).

A node that keeps none does not load this; `services.log_reader` answers who reads.
"""

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus.service.log_ring import INFO, LEVELS, LogRing, cut

if False:  # for types
    from dsoftbus.contracts import Any, Data
    from dsoftbus_aio.bus import BaseBus


_BYTES_MAX = 65536


def records(bus: "BaseBus") -> "Records":
    """The log of `bus`, which begins with the first call."""
    found: Records | None = bus.begun.get("logs")
    if found is None:
        found = bus.begun["logs"] = Records(bus)
        found.source = bus.log_source(found)
    return found


def say(bus: "BaseBus", level: str, text: str) -> None:
    """See `BaseBus.log`."""
    if level not in LEVELS:
        raise LocalError(BAD_ARGUMENT, level + ": no level of " + ", ".join(LEVELS))
    records(bus).add((text + "\n").encode(), LEVELS.index(level))


# Public


class Records:
    """The records of `bus`, at most half of its profile's `value_bytes` and 64 KB. `start` is a
    number that another start of the node does not have."""

    # Ours: programs only have it begin

    def __init__(self, bus: "BaseBus") -> None:
        self.start = int.from_bytes(bus.node.local.random(4), "big") >> 2
        self.ring = LogRing(min(bus.node.profile.value_bytes // 2, _BYTES_MAX))
        self.source: Any = None  # what adds to it by itself
        self.changed = bus.runtime.signal()  # there are new ones; every reader waits for it
        self._now = bus.now
        self._begun = bus.now()
        self._line = b""  # of text that has no end yet

    @property
    def now_ms(self) -> int:
        """Returns the time since the start of this log."""
        return self._now() - self._begun

    def add(self, text: "Data", level: int = INFO) -> None:
        """Adds `text` line by line; a last one that has no end waits for the rest of it."""
        at = 0
        while at < len(text):  # in pieces, so that a long text takes no more memory than it has
            lines = (self._line + bytes(text[at : at + 100])).split(b"\n")
            at += 100
            self._line = lines.pop()
            for line in lines:
                self._add_line(line, level)
            size = cut(self._line)
            if size < len(self._line):
                self.ring.add(self.now_ms, level, self._line[:size])
                self._line = self._line[size:]
        self.changed.set()

    def _add_line(self, line: bytes, level: int) -> None:
        line = line.rstrip(b"\r")
        while line:
            size = cut(line)
            self.ring.add(self.now_ms, level, line[:size])
            line = line[size:]

    def handler(self, name: str) -> "Any":
        """Returns what answers the call `dsoftbus/logs`."""
        if name != "dsoftbus/logs":
            return None
        from dsoftbus_aio.services.log_reader import answer  # only who is read pays for it

        return answer

    def close(self) -> None:
        """Ends what adds to this log by itself."""
        if self.source is not None:
            self.source.close()
