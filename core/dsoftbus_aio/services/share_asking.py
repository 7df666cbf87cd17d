"""The asking side of a share: files that programs here send and fetch (docs/share.md). Programs
that do neither do not load this."""

from dsoftbus.base.file_names import allowed_path
from dsoftbus.const import SHARE_STREAM
from dsoftbus.errors import (
    NO_SUCH_SERVICE,
    OUTSIDE_ACL,
    STREAM_CANCELLED,
    STREAM_REFUSED,
    BusError,
    LocalError,
)
from dsoftbus.share.messages import (
    GET,
    PREFIX,
    PUT,
    Request,
    get_answer,
    get_done,
    get_marks,
)
from dsoftbus.share.names import is_wide
from dsoftbus_aio.services.share_listing import Shared, listed
from dsoftbus_aio.services.share_moving import Moving, denied, read_header, write_header
from dsoftbus_aio.services.share_receiving import Receiving

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.contracts import Progress
    from dsoftbus_aio.peer import Peer
    from dsoftbus_aio.services.share_files import File, Files, Folder
    from dsoftbus_aio.stream import BusStream

_NO_FILE = (NO_SUCH_SERVICE, OUTSIDE_ACL)  # it may be a folder, with files that are allowed
_VAIN_MAX = 8  # sessions in a row that brought no byte: the transfer itself seems to end them


async def put(
    connection: "Connection",
    file: "File",
    name: str,
    replace: bool,
    told: "Callable[[int], None] | None" = None,
    stream_name: str = SHARE_STREAM,
) -> Shared:
    """Stores `file`, which is open, with the peer as `name`, over a stream of `stream_name`.
    `told(bytes so far)` hears how far it is.

    Raises PeerError as the peer refuses it, LocalError(SHARE_CHANGED); BusError, OSError.
    """
    request = Request(PUT, name)
    request.size = file.size
    request.replace = replace
    stream = await connection.open(stream_name)
    moving = Moving(connection.bus.local_files(), stream)
    moving.told = told
    stream.name = PREFIX + name  # for its errors
    moved: Shared = await _within(stream, _put(moving, file, request))
    return moved


async def _put(moving: Moving, file: "File", request: Request) -> Shared:
    stream = moving.stream
    await stream.write(request.header())
    marks = get_marks(await read_header(stream))
    sha = await moving.compared(file, marks)
    offset = sha.agrees(marks)
    await write_header(stream, offset)
    digest = await moving.send(file, offset, sha)
    await stream.finish()
    get_done(await read_header(stream))
    return Shared(request.name, file.size, digest, file.size - offset)


async def get(
    connection: "Connection",
    folder: "Folder",
    name: str,
    replace: bool,
    told: "Progress | None" = None,
) -> Shared:
    """Fetches the peer's file `name` into `folder`. `told(bytes so far, size)` hears how far it
    is."""
    coming = Receiving(connection.bus.local_files(), folder, connection, name, replace)
    failure: BaseException | None = None
    try:
        stream = await connection.open(SHARE_STREAM)
        stream.name = PREFIX + name
        return await _within(stream, _get(coming, stream, told))
    except (BusError, OSError) as error:
        failure = error
        raise
    finally:
        coming.end(failure)


async def _get(coming: Receiving, stream: "BusStream", told: "Progress | None") -> Shared:
    request = Request(GET, coming.name)
    request.marks = await coming.begin(stream)
    await stream.write(request.header())
    await stream.finish()
    size, offset = get_answer(await read_header(stream), request.marks)
    await coming.check_space(size)
    digest = await coming.take(offset, size, None if told is None else _Of(size, told).tell)
    return Shared(coming.name, size, digest, size - offset)


class _Of:
    """Tells how much of `size` bytes is there."""

    def __init__(self, size: int, told: "Progress") -> None:
        self._size = size
        self._told = told

    def tell(self, done: int) -> None:
        self._told(done, self._size)


async def _within(stream: "BusStream", moved: "Any") -> "Any":
    """Awaits `moved`; a failure resets the stream, with this side's reason."""
    try:
        found = await moved
    except LocalError as error:
        stream.reset(error.code)
        raise
    except BaseException:
        stream.reset(STREAM_CANCELLED)
        raise
    stream.end_in_order()
    return found


class Errand:
    """Files on their way to a peer or from it, over as many sessions as it takes; `moved` are
    those that have arrived. `told(bytes so far, bytes in all)` hears of all together."""

    def __init__(self, files: "Files", replace: bool, told: "Progress | None") -> None:
        self.moved: list[Shared] = []
        self._gained = 0  # bytes that it has come on, at most
        self._gained_before = 0  # when a session of it last ended
        self._vain = 0  # sessions in a row that brought nothing
        self._files = files
        self._replace = replace
        self._told = told
        self._left: list[Any] = []  # of files: (name, its place here, size)
        self._before = 0  # bytes of `moved`
        self._rest = 0  # bytes of what follows the first that is left

    async def run(self, connection: "Connection") -> list[Shared]:
        """Moves what is left, in this session; returns `moved`."""
        while self._left:
            self._rest = sum([job[2] for job in self._left[1:]])
            shared = await self._move(connection, self._left[0])
            self._left.pop(0)
            self._before += shared.size
            self.moved.append(shared)
        return self.moved

    def goes_on(self) -> bool:
        """Its session has ended; returns whether another one is worth while."""
        self._vain = 0 if self._gained > self._gained_before else self._vain + 1
        self._gained_before = self._gained
        return self._vain < _VAIN_MAX

    async def _move(self, connection: "Connection", job: "Any") -> Shared:
        raise NotImplementedError

    def _tell(self, done: int, size: int) -> None:
        """`done` bytes of `size` are there, of the first file that is left."""
        self._gained = max(self._gained, self._before + done)
        if self._told is not None:
            self._told(self._before + done, self._before + size + self._rest)


class Sending(Errand):
    """Stores what lies at `path`, a file or a folder. Raises LocalError(STREAM_REFUSED) for a name
    that no peer takes; OSError."""

    def __init__(
        self, files: "Files", path: "Any", name: str, replace: bool, told: "Progress | None"
    ) -> None:
        super().__init__(files, replace, told)
        self._left = files.own(path, name)
        for job in self._left:
            _check_name(job[0])

    async def _move(self, connection: "Connection", job: "Any") -> Shared:
        name, path, _ = job
        _check_rules(connection, True, name)
        file = self._files.open(path)
        size = file.size
        try:
            return await put(
                connection, file, name, self._replace, lambda done: self._tell(done, size)
            )
        finally:
            file.close()


class Fetching(Errand):
    """Fetches the peer's file `name`, or all that the pattern or the folder `name` has in it."""

    def __init__(
        self, files: "Files", name: str, folder: "Any", replace: bool, told: "Progress | None"
    ) -> None:
        super().__init__(files, replace, told)
        self._name = name
        self._folder = files.folder(folder)
        self._found: list[Shared] | None = None  # once the peer's list is needed
        if not is_wide(name):
            self._left = [(_check_name(name), name, 0)]
        else:
            self._found = []

    async def run(self, connection: "Connection") -> list[Shared]:
        try:
            await self._list(connection)
            return await super().run(connection)
        except BusError as error:
            if error.code not in _NO_FILE or self._found is not None:
                raise
            self._found, self._left = [], []
            if not await self._list(connection):
                raise  # it is neither a file nor a folder
        return await super().run(connection)

    async def _list(self, connection: "Connection") -> bool:
        """Asks for the list where it is needed and not here; False where it is empty."""
        if self._found is None or self._left or self.moved:
            return True
        await listed(connection, self._name, self._found)
        self._left = [(shared.name, shared.name, shared.size) for shared in self._found]
        return bool(self._left)

    async def _move(self, connection: "Connection", job: "Any") -> Shared:
        _check_rules(connection, False, job[0])
        return await get(connection, self._folder, job[0], self._replace, self._tell)


async def lasting(peer: "Peer", errand: Errand, timeout_ms: int) -> list[Shared]:
    """Runs `errand` in this session of `peer` and in those to come, each of which may be so long
    in coming."""
    while True:
        connection = await peer.connected(timeout_ms)
        try:
            return await errand.run(connection)
        except BusError:
            if connection.cause is None or not errand.goes_on():
                raise


def _check_name(name: str) -> str:
    if not allowed_path(name):
        raise LocalError(STREAM_REFUSED, name + " is no name for a peer's file")
    return name


def _check_rules(connection: "Connection", outgoing: bool, name: str) -> None:
    """This node's own rules, for what its program does."""
    code = denied(connection, outgoing, PREFIX + name)
    if code:
        raise LocalError(code, PREFIX + name)
