"""Files of an update as they come to this board (docs/updates.md).

Boards load this when a peer sends one (`update_gate`), and let go of it afterwards.
"""

import asyncio

from dsoftbus.errors import MALFORMED, BusError, PeerError
from dsoftbus.service.call_messages import OWN
from dsoftbus.share.marks import mark_offsets
from dsoftbus.share.messages import DONE, PUT, get_offset, get_request
from dsoftbus.update.files import fill, part_of, stored
from dsoftbus_aio.services.call_line import denied
from dsoftbus_aio.services.own_calls import UPDATE
from dsoftbus_aio.services.share_moving import Moving, read_header, write_header
from dsoftbus_aio.services.update_work import code_of, turns

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any
    from dsoftbus.share.messages import Request
    from dsoftbus.update.part import SlotPart
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.services.update_gate import UpdateGate
    from dsoftbus_aio.stream import BusStream

_MARK_STEP = 512


class Turns:
    """The files of a board, as `share_moving` asks them: each piece of work is one turn."""

    chunk = 1024  # bytes
    hashing = None  # as each piece passes

    async def aside(self, call: "Callable[..., Any]", *arguments: "Any") -> "Any":
        """Calls it after others had their turn."""
        await asyncio.sleep(0)
        return call(*arguments)


async def receive(gate: "UpdateGate", connection: "Connection", stream: "BusStream") -> None:
    """The peer has opened a stream for a file."""
    code = denied(connection, False, OWN + UPDATE + "/state")
    if code:
        stream.reset(code)
        return
    try:
        request = get_request(await read_header(stream))
        if request.kind != PUT:
            raise PeerError(MALFORMED, request.kind)
        gate.work()
        gate.stream = stream
        try:
            await _store(gate, connection, stream, request)
        finally:
            gate.rest()
    except (BusError, OSError) as error:
        stream.reset(code_of(error))


async def _store(
    gate: "UpdateGate", connection: "Connection", stream: "BusStream", request: "Request"
) -> None:
    updater, size = gate.updater, request.size
    part: Any = part_of(updater, connection.session, request.name, size, gate.now())
    try:
        await turns(fill(updater, part))
        files: Any = Turns()  # as much of `Files` as it asks
        moving: Any = Moving(files, stream)
        moving.told = gate.heard
        sha = await moving.hashed(part, _offsets(part))
        marks = sha.marks()
        await write_header(stream, marks)
        offset = get_offset(await read_header(stream), marks, size)
        await moving.receive(part, offset, size, sha)
        part.store()
        await turns(stored(updater, part))
    finally:
        part.keep()
    await write_header(stream, DONE)


def _offsets(part: "SlotPart") -> list[int]:
    """The beginnings that the peer hears of: all of it, where it may be whole."""
    part.look()
    offsets = mark_offsets(part.size, _MARK_STEP)
    if part.size == part.wanted and part.size and part.size not in offsets:
        offsets.append(part.size)
    return offsets
