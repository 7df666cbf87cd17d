"""A folder that a board shares: its code is in the heap while peers use it.

It is some 20 KB of code. A handshake needs more than half of that for itself, and has none of it.
"""

import sys

from dsoftbus.const import SHARE_STREAM
from dsoftbus.errors import BAD_STATE, LocalError

if False:  # for types
    from dsoftbus_aio.services.share import Sharing

# What these slices are called once they are linked; from sources nothing leaves, as in `overlay`.
_LINKED = "dsoftbus_"
_SHARED = "sharing share_files share_listing fat_store share_moving share_words share_names"
_OTHERS = "sending update_files"  # which have some of that, too: a second copy would be no gain
_OF_VALUES = "pieces"  # of calls and topics


class LateShare:
    """See `BaseBus.share`."""

    def __init__(self, bus, folder: str, quota, on_transfer):
        if SHARE_STREAM in bus.handlers:
            raise LocalError(BAD_STATE, "this bus shares a folder already")
        self._bus = bus
        self._said = (folder, quota, on_transfer)
        self._sharing: Sharing | None = None
        self._under_way = 0  # streams
        try:
            self._load()  # what is wrong with the folder is raised here, and now
        finally:
            self._leave()
        bus.handlers[SHARE_STREAM] = self.serve

    async def serve(self, connection, stream) -> None:
        """The peer has opened a stream."""
        self._under_way += 1
        try:
            sharing = self._sharing or self._load()
            await sharing.serve(connection, stream)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._leave()

    def _load(self) -> "Sharing":
        from dsoftbus_aio.services.share import Sharing  # for a while, as above

        folder, quota, on_transfer = self._said
        self._sharing = Sharing(self._bus, folder, quota, on_transfer)
        self._bus.handlers[SHARE_STREAM] = self.serve  # in its place
        return self._sharing

    def _leave(self) -> None:
        self._sharing = None
        if not _is_there(_OTHERS):
            for name in _SHARED.split():
                sys.modules.pop(_LINKED + name, None)
            if not _is_there(_OF_VALUES):
                sys.modules.pop(_LINKED + "values", None)


def _is_there(names: str) -> bool:
    return any(_LINKED + name in sys.modules for name in names.split())
