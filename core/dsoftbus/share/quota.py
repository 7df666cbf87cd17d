"""The quota of a shared folder: how many bytes may lie in it, files under way included."""

from dsoftbus.errors import SHARE_BUSY, SHARE_QUOTA


class Quota:
    """`limit` in bytes, or None. A file under way counts with its whole size from its begin."""

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self._claims: dict[str, int] = {}  # bytes, by the name of the partial file

    @property
    def claimed(self) -> int:
        """Bytes of files under way, of which some or all lie in the folder already."""
        return sum(self._claims.values())

    def is_claimed(self, part: str) -> bool:
        """Returns whether somebody is writing the partial file of this name."""
        return part in self._claims

    def claim(self, part: str, size: int, used: int) -> int:
        """A file of `size` bytes begins to come: 0, or SHARE_BUSY or SHARE_QUOTA.

        `used` are the bytes of the folder's other files: without `part`, without partial files
        that are claimed, and without what the new file is put in place of.
        """
        if part in self._claims:
            return SHARE_BUSY
        if self.limit is not None and used + self.claimed + size > self.limit:
            return SHARE_QUOTA
        self._claims[part] = size
        return 0

    def release(self, part: str) -> None:
        """The file has come, or its stream has ended; what is there counts as it lies there."""
        self._claims.pop(part, None)
