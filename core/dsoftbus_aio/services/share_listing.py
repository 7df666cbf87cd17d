"""Lists of shared files: the answer, and the question (docs/share.md)."""

from dsoftbus.const import SHARE_STREAM
from dsoftbus.errors import BAD_ARGUMENT, OVERSIZE, STREAM_REFUSED, LocalError, PeerError
from dsoftbus.share.listing import get_listing, has_room
from dsoftbus.share.messages import LIST, PREFIX, Request
from dsoftbus.share.names import is_pattern
from dsoftbus_aio.services.share_moving import may_know, read_header, write_header

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.services.share_files import Files, Folder
    from dsoftbus_aio.stream import BusStream


# Public


class Shared:
    """A file of a share: its name there and its size in bytes; `digest` is the SHA-256 of one that
    was moved (else b""), and `sent` how many bytes of it that took in the last session: 0 where
    the file was there already."""

    def __init__(self, name: str, size: int, digest: bytes = b"", sent: int = 0) -> None:
        self.name = name
        self.size = size
        self.digest = digest
        self.sent = sent


# Ours


async def answer(
    files: "Files",
    folder: "Folder",
    connection: "Connection",
    stream: "BusStream",
    request: "Request",
) -> None:
    """Lists what the peer may fetch."""
    if not is_pattern(request.name):
        raise LocalError(STREAM_REFUSED, request.name)
    pages = _Pages(connection, folder.listing(request.name, request.after))
    page = await files.aside(pages.next)
    while page:
        await write_header(stream, page)
        page = await files.aside(pages.next)
    await write_header(stream, page)


class _Pages:
    """A listing in headers, as many files in each as it holds."""

    def __init__(self, connection: "Connection", found: "Iterator[tuple[str, int]]") -> None:
        self._connection = connection
        self._found = found
        self._first: list[Any] = []  # of the next page, if there is one

    def next(self) -> "list[list[Any]]":
        """Returns the next page, [] at the end."""
        page, self._first = self._first, []
        for name, size in self._found:
            if not may_know(self._connection, PREFIX + name):
                continue
            if not has_room(page, name):
                self._first = [[name, size]]
                break
            page.append([name, size])
        return page


async def listed(connection: "Connection", pattern: str, found: list[Shared]) -> list[Shared]:
    """Adds the peer's files that `pattern` matches, those that follow the last of `found`; returns
    `found`. See `Connection.files`."""
    if not is_pattern(pattern):
        raise LocalError(BAD_ARGUMENT, "no pattern of names: " + pattern)
    most = connection.bus.local_files().listed_max
    request = Request(LIST, pattern)
    request.after = found[-1].name if found else ""
    async with await connection.open(SHARE_STREAM) as stream:
        await stream.write(request.header())
        await stream.finish()
        page = get_listing(await read_header(stream), request.after)
        while page:
            found += [Shared(name, size) for name, size in page]
            if len(found) > most:
                raise PeerError(OVERSIZE, "a list of more than %d files" % most)
            page = get_listing(await read_header(stream), found[-1].name)
    return found
