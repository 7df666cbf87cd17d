"""The serving side of a share: a folder where peers store files, fetch and list them
(docs/share.md). Programs that share nothing do not load this."""

from dsoftbus.base.file_names import allowed_path
from dsoftbus.const import EV_RESET, SHARE_STREAM
from dsoftbus.errors import (
    BAD_STATE,
    NO_SUCH_SERVICE,
    SHARE_BUSY,
    STREAM_REFUSED,
    BusError,
    LocalError,
)
from dsoftbus.share.messages import (
    DONE,
    GET,
    PREFIX,
    PUT,
    REPLACE_PREFIX,
    get_offset,
    get_request,
)
from dsoftbus.share.names import part_name
from dsoftbus.share.quota import Quota
from dsoftbus_aio.services.share_moving import (
    Moving,
    code_of,
    denied,
    read_header,
    write_header,
)
from dsoftbus_aio.services.share_receiving import Receiving

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any
    from dsoftbus.share.messages import Request
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.stream import BusStream


# Public


class Transfer:
    """A transfer that a peer began here, and that has ended: well (`code` 0), or refused or cut
    off with that error. `verb` is "put", "get" or "list"; `name` that of the file, or the
    pattern."""

    def __init__(self, connection: "Connection", request: "Request", code: int) -> None:
        self.peer_id = connection.peer_id
        self.peer_name = connection.peer_name
        self.verb = request.kind
        self.name = request.name
        self.replace = request.replace
        self.code = code


# Ours


class Sharing:
    """Serves the folder at `path`: see `BaseBus.share`. A bus has one."""

    def __init__(
        self,
        bus: "BaseBus",
        path: "Any",
        quota: int | None,
        on_transfer: "Callable[[Transfer], None] | None",
    ) -> None:
        self._bus = bus
        self._files = bus.local_files()
        self._folder = self._files.folder(path)
        self._folder.check_shared()
        self._quota = Quota(quota)
        self._on_transfer = on_transfer
        self._storing: dict[str, _Storing] = {}  # by the file's name
        self._ended = bus.runtime.signal()  # a transfer to here has ended
        self._folder.clear_stale()
        bus.handlers[SHARE_STREAM] = self.serve

    async def serve(self, connection: "Connection", stream: "BusStream") -> None:
        """The peer has opened a stream: one request, and its answer."""
        try:
            request = get_request(await read_header(stream))
        except BusError as error:
            stream.reset(error.code)
            return
        code = 0
        try:
            await self._answer(connection, stream, request)
            stream.end_in_order()
        except (BusError, OSError) as error:
            code = code_of(error)
            stream.reset(code)
            if isinstance(error, OSError):
                self._bus.tell(error)
        if self._on_transfer is not None:
            self._on_transfer(Transfer(connection, request, code))

    async def _answer(
        self, connection: "Connection", stream: "BusStream", request: "Request"
    ) -> None:
        if request.kind == PUT:
            await self._put(connection, stream, request)
        elif request.kind == GET:
            await self._get(connection, stream, request)
        else:
            from dsoftbus_aio.services.share_listing import answer  # only who is asked pays for it

            await answer(self._files, self._folder, connection, stream, request)

    # A file goes out

    async def _get(
        self, connection: "Connection", stream: "BusStream", request: "Request"
    ) -> None:
        _check(connection, True, PREFIX + request.name)
        if not allowed_path(request.name):
            raise LocalError(STREAM_REFUSED, request.name)
        try:
            file = self._folder.open(request.name)
        except OSError:
            raise LocalError(NO_SUCH_SERVICE, request.name) from None
        try:
            moving = Moving(self._files, stream)
            sha = await moving.compared(file, request.marks)
            offset = sha.agrees(request.marks)
            await write_header(stream, [file.size, offset])
            await moving.send(file, offset, sha)
        finally:
            file.close()

    # A file comes in

    async def _put(
        self, connection: "Connection", stream: "BusStream", request: "Request"
    ) -> None:
        name = request.name
        _check(connection, False, PREFIX + name)
        if request.replace:
            _check(connection, False, REPLACE_PREFIX + name)
        if not allowed_path(name):
            raise LocalError(STREAM_REFUSED, name)
        await self._make_way(connection, name)
        storing = self._storing[name] = _Storing(connection, stream, name)
        try:
            await self._store(storing, request)
        finally:
            self._quota.release(storing.part)
            del self._storing[name]
            self._ended.set()

    async def _make_way(self, connection: "Connection", name: str) -> None:
        """The second of two who store one file is refused; but a peer that has come back goes on
        where its own old session stopped."""
        storing = self._storing.get(name)
        if storing is None:
            return
        if storing.connection is connection or storing.connection.peer_id != connection.peer_id:
            raise LocalError(SHARE_BUSY, name)
        storing.stream.reset(SHARE_BUSY)
        storing.stream.notify(EV_RESET)  # its handler waits for what the peer sends
        while self._storing.get(name) is storing:
            await self._ended.change()
        if name in self._storing:
            raise LocalError(SHARE_BUSY, name)

    async def _store(self, storing: "_Storing", request: "Request") -> None:
        connection, stream = storing.connection, storing.stream
        try:
            coming = Receiving(
                self._files, self._folder, connection, request.name, request.replace
            )
        except OSError:  # a place where no file may be: the peer's fault
            raise LocalError(STREAM_REFUSED, request.name) from None
        failure: BaseException | None = None
        try:
            if coming.writes:
                await self._claim(storing, request)
            marks = await coming.begin(stream, request.size)
            await write_header(stream, marks)
            offset = get_offset(await read_header(stream), marks, request.size)
            await coming.take(offset, request.size)
        except (BusError, OSError) as error:
            failure = error
            raise
        finally:
            coming.end(failure)
        await write_header(stream, DONE)

    async def _claim(self, storing: "_Storing", request: "Request") -> None:
        """Raises LocalError(SHARE_QUOTA)."""
        quota = self._quota
        part = storing.part
        used = 0

        def left_out(name: str) -> bool:
            return name in (part, request.name) or quota.is_claimed(name)

        if quota.limit is not None:
            used = await self._files.aside(self._folder.used, left_out)
        code = quota.claim(part, request.size, used)
        if code:
            raise LocalError(code, request.name)


class _Storing:
    """A peer stores a file here, over this stream."""

    def __init__(self, connection: "Connection", stream: "BusStream", name: str) -> None:
        self.connection = connection
        self.stream = stream
        self.part = part_name(name, connection.peer_id)


def _check(connection: "Connection", outgoing: bool, name: str) -> None:
    """Raises LocalError where the rules do not allow it."""
    code = denied(connection, outgoing, name)
    if code:
        raise LocalError(code, name)


def share(
    bus: "BaseBus",
    path: "Any",
    quota: int | None,
    on_transfer: "Callable[[Transfer], None] | None",
) -> None:
    """See `BaseBus.share`."""
    if SHARE_STREAM in bus.handlers:
        raise LocalError(BAD_STATE, "this bus shares a folder already")
    Sharing(bus, path, quota, on_transfer)
