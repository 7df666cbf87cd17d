"""Housekeeping on this host, where other processes (commands) change the files of a node."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dsoftbus.const import EV_CLONED_KEY, EV_KEY_MOVED
from dsoftbus.errors import STORE_BUSY, LocalError
from dsoftbus_aio.housekeeping import Housekeeping
from dsoftbus_host import display
from dsoftbus_host.storage.atomic_file import WAIT_S
from dsoftbus_host.upkeep.key_change import KeyChange

if TYPE_CHECKING:
    from dsoftbus.mux.events import NodeEvent
    from dsoftbus.trust.guard import Guard
    from dsoftbus.trust.store import TrustStore
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_host.storage.trust_file import StoreFile

log = display.log()
_LOOK_MS = 2000  # how long a change of the file by another process may go unnoticed
_SAVES_MS = 100  # between two, so that whatever peers do others get at the file, too


class FileWatch(Housekeeping):
    """`on_event(event)` gets each NodeEvent of `bus`; `file` holds its guard's store.

    `key_path` is the node's key file: a change that is planned beside it is begun, and done in
    the file before the program hears EV_KEY_DUE. The program then starts a new bus.
    """

    def __init__(
        self,
        bus: BaseBus,
        on_event: Callable[[NodeEvent], None],
        file: StoreFile | None = None,
        key_path: Path | None = None,
    ) -> None:
        guard = bus.node.guard
        change = None
        if key_path is not None and guard is not None:
            change = KeyChange(bus, guard, key_path)
        super().__init__(bus, self._on_node_event, file, change)
        self._program = on_event
        self._files = bus.runtime.timer(self._look_at_files)
        self._again = bus.runtime.timer(self.wake)
        self._wait_s = 0.0  # for others who write the store's file
        self._may_save = 0  # when, by the bus's clock
        self._trouble = ""  # with the file, as it was told last

    def start(self) -> None:
        super().start()
        guard = self._bus.node.guard
        if guard is not None and self._file is not None:
            self._file.adopt = functools.partial(adopt, guard)
            guard.refresh = functools.partial(self._look_at, self._follow_file)
        self._look_at_files()

    def stop(self) -> None:
        self._files.close()
        self._again.close()
        self._wait_s = WAIT_S  # it is the last time
        super().stop()

    def __enter__(self) -> FileWatch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def persist(self) -> None:
        """Saves the store: its file has all of it once this returns. Raises LocalError,
        OSError."""
        if self._file is not None:
            self._file.save()

    def _on_node_event(self, event: NodeEvent) -> None:
        if event.kind == EV_CLONED_KEY:
            whose = "this node's id" if event.peer == self._bus.id else f"the id {event.peer}"
            what = "a copy of its key is in use there, or somebody pretends so"
            log.warning("%s is announced from %s, too: %s", whose, event.about, what)
        self._program(event)

    def _save(self) -> bool:
        """A full medium must not take the node along; a later turn tries again."""
        if self._file is None or not self._file.unsaved:
            return True
        last = self._wait_s > 0
        now = self._bus.now()
        if not last and now < self._may_save:
            self._again.at(now + _SAVES_MS)
            return False
        try:
            self._file.save(self._wait_s)
        except (LocalError, OSError) as error:
            if getattr(error, "code", 0) == STORE_BUSY and not last:
                self._again.at(now + _SAVES_MS)
            else:
                self._tell_trouble(f"the trust store could not be written: {error}")
            return False
        self._may_save = now + _SAVES_MS
        return True

    def _tell_trouble(self, trouble: str) -> None:
        """Tells it once, and not at every look."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.error("%s", trouble)

    def _follow_change(self) -> None:
        """Its plan is a file: see `_look_at_files`."""

    def _look_at_files(self) -> None:
        """Applies changes that another process (a command) made to the files."""
        for part in (self._follow_file, super()._follow_change):
            self._look_at(part)
        self.wake()
        self._files.at(self._bus.now() + _LOOK_MS)

    def _look_at(self, part: Callable[[], object]) -> None:
        try:
            part()
        except Exception as error:  # noqa: BLE001 - a fault of ours: the others have their turn
            self._bus.report(error, None)

    def _follow_file(self) -> None:
        """Takes over what the store's file says now; where it cannot be used, or somebody is
        writing it, this node goes on with what it knows, and looks again."""
        if self._file is None:
            return
        try:
            self._file.reread()
        except (LocalError, OSError) as error:
            self._tell_trouble(f"the trust store stays as it was read last: {error}")
            return
        if self._trouble:
            self._trouble = ""
            log.warning("the trust store can be used again")


def adopt(guard: Guard, store: TrustStore) -> None:
    """Another process has changed the file: `store` is what it says, and what holds from now on.

    Sessions of those who are gone end, and streams that are not allowed any more are reset.
    """
    gone = [entry.id for entry in guard.store if store.get(entry.id) is None]
    moved = {entry.next_public: entry.id for entry in guard.store.promises()}
    for device in gone:
        guard.unpair(device)
    for entry in store:
        if moved.get(entry.public) in gone:
            guard.tell(EV_KEY_MOVED, entry.id, moved[entry.public])
    guard.store.adopt(store)
    guard.recheck()
