"""The change of a running node's key: begun as it is planned, noted as it goes on, done in the
file when it is due."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dsoftbus.const import EV_KEY_DUE, SUITE_CHACHA_SHA256
from dsoftbus.errors import LocalError
from dsoftbus.trust.next_key_file import Plan
from dsoftbus_host import display, key_file
from dsoftbus_host.upkeep import next_key

if TYPE_CHECKING:
    from dsoftbus.trust.guard import Guard
    from dsoftbus_aio.bus import BaseBus

log = display.log()


class KeyChange:
    """Follows the plan beside the key file at `path`, for the node of `bus` and its `guard`."""

    def __init__(self, bus: BaseBus, guard: Guard, path: Path) -> None:
        self._local = bus.node.local
        self._guard = guard
        self._path = path
        self._plan: Plan | None = None
        self._failure = ""  # as it was told last

    def look(self, now: int, last: bool = False) -> None:
        """Applies a plan that was made or taken back, and notes the time that has run."""
        try:
            self._look(now, last)
        except (LocalError, OSError) as error:
            if str(error) != self._failure:
                self._failure = str(error)
                log.error("the change of key waits: %s", error)

    def switch(self) -> None:
        """The change is due. If it cannot be done, a later look tries again."""
        try:
            next_key.switch(self._path)
        except (LocalError, OSError) as error:
            log.error("the key could not be changed, and will be later: %s", error)

    def _look(self, now: int, last: bool) -> None:
        guard = self._guard
        found = next_key.read(self._path)
        if found is None:
            if self._plan is not None:
                self._ended(self._plan)
            return
        if guard.rotation is None or self._plan is None or self._plan.secret != found.secret:
            self._begin(now)
            return
        told = set(guard.rotation.told)
        next_key.note(self._path, self._plan, guard.rotation.grace_s(now), told, last)

    def _ended(self, plan: Plan) -> None:
        """Another process has taken the change back, or done it: then this node starts anew."""
        guard = self._guard
        change, guard.rotation, self._plan = guard.rotation, None, None
        if change is not None and key_file.load(self._path) == plan.secret:
            guard.tell(EV_KEY_DUE, "", "", 0, change)

    def _begin(self, now: int) -> None:
        guard = self._guard
        trusted = [entry.id for entry in guard.store]
        self._plan = next_key.start(self._path, trusted)
        if self._plan is not None:
            pair = self._local.suites[SUITE_CHACHA_SHA256].keypair(self._plan.secret)
            guard.rotate(pair, max(self._plan.left_s, 1), now)
