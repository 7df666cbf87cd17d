"""The call `dsoftbus/logs`: the records that a node holds, and those to come (docs/console.md).

Nodes that nobody reads do not load this.
"""

from dsoftbus.service.status import CallError

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.services.records import Records


_MOST = 512  # bytes of records in one part of the answer
BAD_REQUEST = 1  # numbers of errors
GONE = 2


def answer(connection: "Connection", value: "Any") -> "Any":
    """The handler of the call. Raises CallError(BAD_REQUEST) for a request that is none."""
    records = connection.bus.begun["logs"]
    level, follow, start, after = _request({} if value is None else value)
    position = after + 1 if start == records.start else 1
    return Reading(connection, level, follow, min(position, records.ring.next))


def _request(value: "Any") -> "tuple[int, bool, int, int]":
    """(level, follow, start, after)"""
    if not isinstance(value, dict):
        raise CallError(BAD_REQUEST, "a map, or nothing")
    level, follow = value.get("level", 0), value.get("follow", False)
    start, after = value.get("start", -1), value.get("after", 0)
    for number in (level, start, after):
        if type(number) is not int:
            raise CallError(BAD_REQUEST, "level, start and after are whole numbers")
    if follow is not True and follow is not False:
        raise CallError(BAD_REQUEST, "follow is true or false")
    return level, follow, start, max(after, 0)


class Reading:
    """The records as the parts of a reply: first `[start, ms]`, then `[lost, record, ...]`."""

    def __init__(self, connection: "Connection", level: int, follow: bool, position: int) -> None:
        self._control = connection.session.mux.control
        self._records: Records = connection.bus.begun["logs"]
        self._level = level
        self._follow = follow
        self._position = position
        self._said = False  # the first part

    def __aiter__(self) -> "Reading":
        return self

    async def __anext__(self) -> "list[Any]":
        records = self._records
        if not self._said:
            self._said = True
            return [records.start, records.now_ms]
        while True:
            lost, found, self._position = records.ring.since(self._position, self._level, _MOST)
            if lost or found:
                self._check()
                return [lost] + found
            if not self._follow:
                raise StopAsyncIteration
            await records.changed.change()

    def _check(self) -> None:
        """Raises CallError(GONE) where the reader has lost its right meanwhile."""
        if self._control is None or not self._control.allows(False, "logs"):
            raise CallError(GONE, "the right to read is gone")
