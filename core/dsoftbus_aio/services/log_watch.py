"""The log of a peer, for programs that read it. Nodes that read none do not load this."""

from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, LocalError, PeerError
from dsoftbus.service.log_ring import LEVELS, U32_MAX
from dsoftbus.service.status import NOT_MADE, UNKNOWN, CallError

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.peer import Peer
    from dsoftbus_aio.services.calls import Parts


LOGS = "dsoftbus/logs"
_HALF = 1 << 31


# Public


class LogRecord:
    """`sequence` counts from 1 in the log that began with the number `start`; `at_ms` is the time
    since then; `level` a word; `lost` how many records were lost before this one."""

    def __init__(self, start: int, sequence: int, at_ms: int, level: str, text: str) -> None:
        self.start = start
        self.sequence = sequence
        self.at_ms = at_ms
        self.level = level
        self.text = text
        self.lost = 0


class LogWatch:
    """The records of one peer, for `async for`: those that it holds, and with `follow` those to
    come. `asker` is its Connection, or its Peer (`lasting`): then they go on in each session to
    come, also after another start of the peer. A program that leaves the loop calls `close()`."""

    def __init__(
        self, asker: "Connection | Peer", lasting: bool, level: str, follow: bool
    ) -> None:
        if level not in LEVELS:
            raise LocalError(BAD_ARGUMENT, level + ": no level of " + ", ".join(LEVELS))
        self._asker = asker
        self._lasting = lasting
        self._request = {"level": LEVELS.index(level), "follow": follow, "start": -1, "after": 0}
        self._parts: Parts | None = None
        self._now_ms = -1  # of the peer's log; -1 before it is known
        self._lost = 0
        self._told: list[LogRecord] = []

    def __aiter__(self) -> "LogWatch":
        return self

    async def __anext__(self) -> LogRecord:
        while not self._told:
            try:
                self._take(await (await self._asked()).__anext__())
            except CallError as error:
                if not self._lasting or error.code not in (NOT_MADE, UNKNOWN):
                    raise
                self._parts = None
        return self._told.pop(0)

    async def _asked(self) -> "Parts":
        """The reply in parts, in a session that there is."""
        if self._parts is None:
            asker: Any = self._asker
            connection = (await asker.connected(None)) if self._lasting else asker
            self._now_ms = -1
            self._parts = connection.parts(LOGS, self._request)
        return self._parts

    def _take(self, part: "Any") -> None:
        if not isinstance(part, list) or not part or type(part[0]) is not int:
            raise PeerError(MALFORMED, "part of a log")
        if self._now_ms < 0:
            self._take_first(part)
            return
        self._lost += part[0]
        for record in part[1:]:
            self._told.append(self._record(record))

    def _take_first(self, part: "list[Any]") -> None:
        start, now_ms = part if len(part) == 2 else (0, -1)
        if type(now_ms) is not int or now_ms < 0:
            raise PeerError(MALFORMED, "first part of a log")
        if start != self._request["start"]:
            self._request["after"] = 0
        self._request["start"] = start
        self._now_ms = now_ms

    def _record(self, said: "Any") -> LogRecord:
        if not isinstance(said, list) or [type(one) for one in said] != [int, int, int, str]:
            raise PeerError(MALFORMED, "record of a log")
        sequence, at, level, text = said
        if not 0 <= level < len(LEVELS):
            raise PeerError(MALFORMED, "level of a record")
        apart = (at - self._now_ms) & U32_MAX  # its clock has 32 bits on the way
        self._now_ms += apart - (U32_MAX + 1) * (apart >= _HALF)
        self._request["after"] = sequence
        record = LogRecord(self._request["start"], sequence, self._now_ms, LEVELS[level], text)
        record.lost, self._lost = self._lost, 0
        return record

    def close(self) -> None:
        """No further record is wanted."""
        if self._parts is not None:
            self._parts.close()
