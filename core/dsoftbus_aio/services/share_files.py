"""The files of a machine as shares need them: the part of `share` that a port supplies.

These classes are the contract; `bus.local_files()` gives a port's `Files`. Ports write their own,
with the same methods and arguments, and a test compares them. All may raise OSError, which a share
tells its peer as `share.no_space` where the medium is full (ENOSPC, EDQUOT), else as
`stream.reset.refused`. Names are paths with `/` that `file_names.allowed_path` has let through;
`Folder` decides what they mean on this machine.
"""

if False:  # for types
    from collections.abc import Awaitable, Callable, Iterator

    from dsoftbus.contracts import Any, Buffer, Data


class File:
    """A file that is open to be read, at its beginning."""

    size = 0  # bytes, when it was opened

    def readinto(self, view: "Buffer") -> int:
        """Fills `view` from here on; returns how many bytes, 0 at the end."""
        raise NotImplementedError

    def seek(self, at: int) -> None:
        """The next byte is that at `at`."""
        raise NotImplementedError

    def changed(self) -> bool:
        """Returns whether its size or its time of change is another than when it was opened."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Part(File):
    """A partial file, `share_names.part_name` beside its name, which this program holds: until
    `store`, `keep` or `remove` no other writes it. `size` is what it has from an earlier transfer,
    at first, and then what it has now."""

    def cut(self, offset: int) -> None:
        """Keeps the first `offset` bytes, at most `size`; `write` goes on there, and `size` is
        `offset`."""
        raise NotImplementedError

    def write(self, view: "Data") -> None:
        """Adds all of `view`, which survives this program's end; a board's reset costs at most
        16 KB."""
        raise NotImplementedError

    def store(self, replace: bool) -> None:
        """Brings it to the medium and gives it its name, in place of a file of that name only
        with `replace`; durable when this returns. Raises LocalError(FILE_EXISTS) where one has
        come meanwhile."""
        raise NotImplementedError

    def keep(self) -> None:
        """Closes it for a later transfer; removes it where it is empty. May follow any of these
        three, and does nothing then."""
        raise NotImplementedError

    def remove(self) -> None:
        """Closes and removes it. Raises nothing."""
        raise NotImplementedError


class Folder:
    """A folder where files of peers lie. It is there; a name in it may be a path."""

    def check_shared(self) -> None:
        """Raises LocalError(BAD_ARGUMENT) for a folder that no peer may have: one in which a
        secret of this node lies, or programs are loaded from."""
        raise NotImplementedError

    def open(self, name: str) -> File:
        """The regular file that the folder's list has under exactly this name. Raises
        OSError(ENOENT) for all else: a link, a device, another spelling, the node's own."""
        raise NotImplementedError

    def refusal(self, name: str) -> int:
        """Returns 0 where a file of this name may be put, FILE_EXISTS where one is there that may
        be replaced. Makes nothing. Raises OSError for all else: EACCES for the node's own, EEXIST
        for what is no regular file, another spelling, a folder on the way that is none."""
        raise NotImplementedError

    def part(self, name: str, peer_id: str) -> Part:
        """The partial file of this name and peer, as it is, or a new one; makes the folders on the
        way. Raises LocalError(SHARE_BUSY) while another program writes it."""
        raise NotImplementedError

    def listing(self, pattern: str, after: str) -> "Iterator[tuple[str, int]]":
        """(name, size) of the files that match (`share_names.matches`), in the order of the bytes
        of their names, all after `after`. Partial files, hidden ones, links, and names that are
        not allowed are left out. Items are taken by `Files.aside`, a few at a time."""
        raise NotImplementedError

    def used(self, left_out: "Callable[[str], bool]") -> int:
        """Bytes of all files in it, at any depth, but those of whose names, paths in this folder,
        `left_out(name)` is true. Partial files are among them."""
        raise NotImplementedError

    def free(self) -> int:
        """Bytes that the medium has left for it."""
        raise NotImplementedError

    def clear_stale(self) -> None:
        """Removes partial files that nobody writes and that are older than 7 days; on a machine
        that has no clock, none. Raises nothing."""
        raise NotImplementedError


class Files:
    """The files of this machine."""

    chunk = 0  # bytes of a transfer's buffer
    hashing: "Any" = None  # a class as `share_moving.Hashing` is, which hashes beside what passes
    listed_max = 0  # files that a list of a peer may have

    def folder(self, path: "Any") -> Folder:
        """The folder at `path`. Raises OSError where there is none."""
        raise NotImplementedError

    def own(self, path: "Any", name: str) -> "list[tuple[str, Any, int]]":
        """(name for the peer, path, size) of what this node would send: the file at `path`, as
        `name` or its own; of a folder all files in it, at any depth, as `NAME/below`. Hidden ones
        and links in a folder are left out. Raises OSError where there is nothing."""
        raise NotImplementedError

    def open(self, path: "Any") -> File:
        """A file of this node's, to be sent. Raises LocalError(STREAM_REFUSED) for one that is for
        no peer (a secret), OSError."""
        raise NotImplementedError

    def aside(self, call: "Callable[..., Any]", *arguments: "Any") -> "Awaitable[Any]":
        """`await files.aside(call, ...)`: what it returns. It may take long: a host runs it in a
        thread, a board at once, after others had their turn. A wait that is
        cancelled lasts until `call` has ended."""
        raise NotImplementedError
