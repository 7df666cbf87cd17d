"""What happens to a node apart from its sessions' streams, told to the program.

Keeps the trust store on disk as it is in memory, follows the plan for a change of the node's key,
and gives sessions their turn after a command.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dsoftbus.const import EV_CLONED_KEY, EV_KEY_DUE, EV_KEY_MOVED
from dsoftbus.errors import STORE_BUSY, LocalError
from dsoftbus.trust import promise
from dsoftbus_host import display
from dsoftbus_host.clock import now_ms
from dsoftbus_host.contained import Contained
from dsoftbus_host.key_change import KeyChange
from dsoftbus_host.place import WAIT_S

if TYPE_CHECKING:
    from dsoftbus.session.events import NodeEvent
    from dsoftbus.trust.guard import Guard
    from dsoftbus.trust.store import TrustStore
    from dsoftbus_host.bus import Bus
    from dsoftbus_host.store_file import StoreFile

log = display.log()
_LOOK_S = 2.0  # how long a change of the file by another process may go unnoticed
_SAVES_S = 0.1  # between two, so that whatever peers do others get at the file, too


class Watch:
    """`on_event(event)` gets each NodeEvent of `bus`; `file` holds its guard's store.

    `key_path` is the node's key file: a change that is planned beside it is begun, and done in
    the file before the program hears EV_KEY_DUE. The program then starts a new bus.
    """

    def __init__(
        self,
        bus: Bus,
        on_event: Callable[[NodeEvent], None],
        file: StoreFile | None = None,
        key_path: Path | None = None,
    ) -> None:
        self._bus = bus
        self._on_event = on_event
        self._file = file
        self._change: KeyChange | None = None
        if key_path is not None and bus.node.guard is not None:
            self._change = KeyChange(bus, key_path)
        self._stirred = False
        self._timer: asyncio.TimerHandle | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._wait_s = 0.0  # for others who write the store's file
        self._may_save = 0.0  # by the loop's time
        self._trouble = ""  # with the file, as it was told last

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        guard = self._bus.node.guard
        if guard is not None:
            guard.wake = self.stir
            guard.unsaved = []  # peers hear that something was taken once it is in the file
            if self._file is not None:
                self._file.adopt = functools.partial(adopt, guard)
        self._look()

    def stop(self) -> None:
        for timer in (self._timer, self._retry):
            if timer is not None:
                timer.cancel()
        self._wait_s = WAIT_S  # it is the last time
        if self._change is not None:
            self._change.look(now_ms(), last=True)
        if self._bus.node.guard is not None:
            promise.end(self._bus.node.guard.store, now_ms())
        self._run()

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stir(self) -> None:
        """Something may have happened: look, once this turn of the loop is over."""
        if not self._stirred:
            self._stirred = True
            self._loop.call_soon(self._run)

    def _run(self) -> None:
        self._stirred = False
        with Contained("the sessions' turn"):
            self._turn_sessions()
        with Contained("the trust store"):
            if self._save():
                self._answer()
        with Contained("the node's events"):
            while (event := self._bus.node.next_event()) is not None:
                self._on_node_event(event)

    def _turn_sessions(self) -> None:
        guard = self._bus.node.guard
        while guard is not None and (session := guard.restless()) is not None:
            self._bus.turn(session)

    def _on_node_event(self, event: NodeEvent) -> None:
        if event.kind == EV_KEY_DUE and self._change is not None:
            self._change.switch()
        elif event.kind == EV_CLONED_KEY:
            self._warn_of_clone(event)
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 - the program's own, and for its on_error
            self._bus.tell(error)

    def _warn_of_clone(self, event: NodeEvent) -> None:
        whose = "this node's id" if event.peer == self._bus.id else f"the id {event.peer}"
        what = "a copy of its key is in use there, or somebody pretends so"
        log.warning("%s is announced from %s, too: %s", whose, event.about, what)

    def persist(self) -> None:
        """What the store holds is in the file once this returns, or LocalError, OSError."""
        if self._file is not None:
            self._file.save()

    def _save(self) -> bool:
        """A full medium must not take the node along; a later turn tries again."""
        if self._file is None or not self._file.unsaved:
            return True
        last = self._wait_s > 0
        if not last and self._loop.time() < self._may_save:
            self._retry_later()
            return False
        try:
            self._file.save(self._wait_s)
        except (LocalError, OSError) as error:
            if getattr(error, "code", 0) == STORE_BUSY and not last:
                self._retry_later()
            else:
                self._tell(f"the trust store could not be written: {error}")
            return False
        self._may_save = self._loop.time() + _SAVES_S
        return True

    def _retry_later(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._retry = self._loop.call_later(_SAVES_S, self.stir)

    def _tell(self, trouble: str) -> None:
        """Once, and not at every look."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.error("%s", trouble)

    def _answer(self) -> None:
        """The peers whose next keys are in the file now."""
        guard = self._bus.node.guard
        if guard is not None and guard.unsaved:
            for session in promise.saved(guard):
                self._bus.turn(session)

    def _look(self) -> None:
        """What another process (a command) has changed in the file takes effect here."""
        with Contained("the trust store"):
            self._follow_file()
        with Contained("the change of key"):
            if self._change is not None:
                self._change.look(now_ms())
        with Contained("the node's timers"):
            self._bus.node.handle_timer(now_ms())
        self.stir()
        self._timer = self._loop.call_later(_LOOK_S, self._look)

    def _follow_file(self) -> None:
        """Takes over what the store's file says now; where it cannot be used, or somebody is
        writing it, this node goes on with what it knows, and looks again."""
        if self._file is None:
            return
        try:
            self._file.reread()
        except (LocalError, OSError) as error:
            self._tell(f"the trust store stays as it was read last: {error}")
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
