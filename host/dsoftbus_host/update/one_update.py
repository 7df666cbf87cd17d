"""One update of one peer, from the first try to reach it until it has confirmed the new version.

Every session begins with the question how the peer stands, and what it says decides what is done:
so an update goes on after any cut, of this program, too, and two that run at once end well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from dsoftbus import errors as e
from dsoftbus.errors import BusError
from dsoftbus.service import status
from dsoftbus.update.manifest import MANIFEST
from dsoftbus.update.state import TRIAL_S
from dsoftbus_host.update.calls import BEGIN, COMMIT, CONFIRM, ROLLBACK, STATE, call
from dsoftbus_host.update.errors import (
    NO_OTHER,
    NO_RETURN,
    NO_UPDATES,
    NOT_ALLOWED,
    STALLED,
    TAKEN_BACK,
    UpdateError,
)
from dsoftbus_host.update.payload import Payload
from dsoftbus_host.update.peer_state import ROOT, PeerState, parsed

# Steps, as people read them.
WAITING = "waiting"
REACHING = "reaching"
SENDING = "sending"
CHECKING = "checking"
RESTARTING = "restarting"
# Ends.
UPDATED = "updated"
SAME = "up to date"
SKIPPED = "takes none"
WENT_BACK = "went back"
FAILED = "failed"
STOPPED = "stopped"
GOOD = (UPDATED, SAME, SKIPPED)
ENDS = (*GOOD, WENT_BACK, FAILED, STOPPED)

REACH_MS = 20_000  # for the first session
CUT_MS = 60_000  # for the next one after a cut
STARTS_MS = 120_000  # for two starts, besides a trial
_COMMIT_MS = 120_000  # a board reads all of it from its flash again
_BYTE_MS = 1  # of a file: a slower way is none
_COMMITS = 3  # that may come to nothing without a word why
_LOOK_MS = 2000
_AGAIN_MS = 1000
_START_MS = 2000  # no board is there sooner, and an attempt in vain may take ten seconds
# Waiting changes nothing about these.
_FINAL = (
    *(e.NOT_PAIRED, e.OUTSIDE_ACL, e.PEER_NOT_ALLOWED, e.TOKEN_REQUIRED, e.TRUST_REVOKED),
    *(e.DECRYPT_FAILED, e.OTHER_KEY, e.AMBIGUOUS_NAME, e.BAD_STATE, e.BAD_ARGUMENT),
)
_LOST = (e.UPDATE_MANIFEST, e.UPDATE_FILE)
_UNKNOWN = (status.LATE, status.NOT_MADE, status.UNKNOWN)  # ends of a call that may go again

Told = Callable[[int], None]  # bytes so far
Put = Callable[[Any, bytes, str, Told], Awaitable[None]]


class Link(Protocol):
    """A peer as this module uses it: `dsoftbus_aio.peer.Peer` is one."""

    async def connected(self, timeout_ms: int | None = ...) -> Any: ...

    def hurry(self) -> None: ...

    async def close(self) -> None: ...


class Time(Protocol):
    """A clock in ms, and a wait: `dsoftbus_aio.runtime.Runtime` has them."""

    def now(self) -> int: ...

    def sleep(self, ms: int) -> Awaitable[None]: ...


class Job(NamedTuple):
    """The same for all peers of one command.

    `payload_for` gives what a peer in this state is to have; None rolls it back. `put` sends one
    file over a session: `put(connection, data, name, told)`. With `lenient` a peer that takes
    no updates from this node is no failure. `trial_s` is how long a peer waits to be reached after
    its restart, before it goes back; `reach_ms` how long one is awaited that is away at first.
    """

    payload_for: Callable[[PeerState], Payload] | None
    put: Put
    track: str
    force: bool = False
    lenient: bool = False
    trial_s: int = TRIAL_S
    reach_ms: int = REACH_MS


class OneUpdate:
    """One peer on its way; `dial()` gives the link to it. `step` says where it is, in the end one
    of ENDS; `error` why that is no good end. `before` and `version` are the versions that it had
    and gets, "" while unknown; `done` of `size` bytes have been sent."""

    def __init__(
        self,
        name: str,
        dial: Callable[[], Link],
        time: Time,
        job: Job,
        on_change: Callable[[OneUpdate], object],
    ) -> None:
        self.name = name
        self.step = WAITING
        self.error: BusError | OSError | None = None
        self.before = ""
        self.version = ""
        self.done = 0
        self.size = 0
        self._dial = dial
        self._link: Link | None = None  # while it is sought, or there
        self._time = time
        self._job = job
        self._on_change = on_change
        self._payload: Payload | None = None
        self._planned = False
        self._first_slot = ""
        self._committed: bool | None = False  # None: it may be
        self._stored: set[str] = set()
        self._commits = 0
        self._deadline = 0
        self._most = 0  # bytes that were ever sent
        self._moved = False  # there was progress since the last cut

    @property
    def ended(self) -> bool:
        """Returns whether there is nothing left to do for this peer."""
        return self.step in ENDS

    async def run(self) -> None:
        """Goes to an end. Raises nothing but what cancels it."""
        self._deadline = self._time.now() + self._job.reach_ms
        try:
            while not self.ended:
                await self._session()
        except asyncio.CancelledError:
            self._to(STOPPED)
            raise
        except (BusError, OSError) as error:
            self.fail(error)
        await self._part()

    def fail(self, error: BusError | OSError) -> None:
        """Ends it here, for this reason."""
        self.error = error
        self._to(WENT_BACK if error_code(error) == TAKEN_BACK else FAILED)

    # Sessions

    async def _session(self) -> None:
        """One session, as far as it goes."""
        connection = await self._reached()
        try:
            await self._work(connection)
        except BusError as error:
            self._on_cut(connection, error)
            await self._leave()

    def _on_cut(self, connection: Any, error: BusError) -> None:
        """Raises an error that another session would not mend, or that has come too often."""
        if connection.cause is None and error.code not in _UNKNOWN:
            self._on_refusal(error)
        elif self._committed is None and self._commits < _COMMITS:
            self._begin_wait()
        elif self._moved:
            self._moved = False
            self._deadline = self._time.now() + CUT_MS
        elif self._committed is None or self._time.now() >= self._deadline:
            raise error

    def _on_refusal(self, error: BusError) -> None:
        """A peer that has lost what it had stored gets all of it again."""
        if error.code not in _LOST or self._commits >= _COMMITS:
            raise error
        self._commits += 1
        self._committed = False
        self._stored.clear()
        self._deadline = self._time.now() + CUT_MS

    async def _reached(self) -> Any:
        if self._committed is False:
            self._to(REACHING)
        link = self._link = self._link or self._dial()
        while True:
            left = self._deadline - self._time.now()
            try:
                return await link.connected(max(min(left, _LOOK_MS), 1))
            except BusError as error:
                self._check_away(error, left)
            link.hurry()

    def _check_away(self, error: BusError, left: int) -> None:
        """Raises what ends the wait. After a restart another may have its address for a while, so
        that nothing is final then."""
        if self._committed is not False:
            if left <= 0:
                raise UpdateError(NO_RETURN, error.label) from None
        elif left <= 0 or error_code(error) in _FINAL:
            raise error

    async def _leave(self, after_ms: int = _AGAIN_MS) -> None:
        """Ends a session that is of no more use; the next one is sought after a moment."""
        await self._part()
        await self._time.sleep(after_ms)

    async def _part(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    # Work in a session

    async def _work(self, connection: Any) -> None:
        state = await self._ask(connection)
        if state is None:
            self._to(SKIPPED)
        elif self._runs(state):
            await self._endorse(connection, state)
        elif state.pending and (self._committed or state.pending == self.version):
            await self._let_start()
        elif self._committed or (self._committed is None and state.failed == self.version):
            raise UpdateError(TAKEN_BACK, state.why)
        elif self._payload is None:
            await self._switch(connection, ROLLBACK)
        else:
            await self._send(connection, self._payload)

    async def _ask(self, connection: Any) -> PeerState | None:
        """Asks how the peer stands; None where it takes no updates, and need not."""
        try:
            value = await call(connection, STATE, None)
        except BusError as error:
            if self._job.lenient and error.code in (NO_UPDATES, NOT_ALLOWED):
                return None
            raise
        state = parsed(value, self._job.track)
        if not self._planned:
            self._plan(state)
        return state

    def _plan(self, state: PeerState) -> None:
        """Decides, once, what the peer is to have."""
        if self._job.payload_for is not None:
            payload = self._payload = self._job.payload_for(state)
            same = payload.is_what_runs(state.version, state.digest)
            self.version = state.version if same else payload.version
            self.size = payload.size
        elif state.other:
            self.version = state.other
        else:
            raise UpdateError(NO_OTHER)
        self.before = state.version or ROOT
        self._first_slot = state.slot
        self._planned = True

    def _runs(self, state: PeerState) -> bool:
        if self._payload is not None:
            return self._payload.is_what_runs(state.version, state.digest)
        return (state.version or ROOT) == self.version and state.slot != self._first_slot

    async def _endorse(self, connection: Any, state: PeerState) -> None:
        """It runs the version; a trial is confirmed."""
        if state.trial:
            self._committed = True
            await call(connection, CONFIRM, {"version": state.version})
        self.version = state.version
        self._to(SAME if self._committed is False else UPDATED)

    async def _let_start(self) -> None:
        """It is about to restart with what was committed."""
        self._begin_wait()
        if self._time.now() >= self._deadline:
            raise UpdateError(NO_RETURN, "it does not restart")
        await self._leave()

    async def _send(self, connection: Any, payload: Payload) -> None:
        self._committed = False
        self._to(SENDING)
        await call(connection, BEGIN, self._wish(payload))
        await self._put(connection, payload.manifest(), MANIFEST, _nothing)
        await self._send_files(connection, payload)
        self._to(CHECKING)
        await self._switch(connection, COMMIT)

    async def _send_files(self, connection: Any, payload: Payload) -> None:
        """Sends those that the peer has not stored yet, as far as this side knows."""
        for name, data in sorted(payload.files.items()):
            before = sum(len(payload.files[each]) for each in self._stored)

            def told(part: int, before: int = before) -> None:
                self._progress(before + part)

            if name not in self._stored:
                await self._put(connection, data, name, told)
                self._stored.add(name)
                self._progress(before + len(data))

    async def _put(self, connection: Any, data: bytes, name: str, told: Told) -> None:
        seconds = (CUT_MS + _BYTE_MS * len(data)) / 1000
        try:
            await asyncio.wait_for(self._job.put(connection, data, name, told), seconds)
        except asyncio.TimeoutError:
            raise UpdateError(STALLED, name) from None

    async def _switch(self, connection: Any, how: str) -> None:
        """Has it restart with the other slot (COMMIT, ROLLBACK)."""
        self._committed = None
        self._commits += 1
        await call(connection, how, {"track": self._job.track}, _COMMIT_MS)
        self._committed = True
        self._begin_wait()
        await self._leave(_START_MS)

    def _wish(self, payload: Payload) -> dict[str, Any]:
        return {
            "track": payload.track,
            "version": payload.version,
            "size": payload.size,
            "count": len(payload.files),
            "digest": payload.digest(),
            "force": self._job.force,
            "trial_s": self._job.trial_s,
        }

    def _begin_wait(self) -> None:
        """The time of a restart counts from the first word of it on."""
        if self.step != RESTARTING:
            self._deadline = self._time.now() + self._job.trial_s * 1000 + STARTS_MS
            self._to(RESTARTING)

    # What others see of it

    def _progress(self, done: int) -> None:
        self.done = done
        if done > self._most:
            self._most = done
            self._moved = True
        self._on_change(self)

    def _to(self, step: str) -> None:
        if step != self.step:
            self.step = step
            self._on_change(self)


def error_code(error: BusError | OSError) -> int:
    """The code of an error, that of the peer's reason where it gave one; 0 of the system's."""
    peer_code: int = getattr(error, "peer_code", 0)
    return peer_code or getattr(error, "code", 0)


def _nothing(done: int) -> None:
    """The manifest is not counted."""
