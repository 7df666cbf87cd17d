"""A peer that takes updates, by the words of docs/updates.md alone, for tests of the updater.

No session is in it: what `OneUpdate` asks of a link and of time is here, and no time passes: the
clock of `run` is at the next deadline as soon as there is nothing else to do.
"""

import asyncio
import hashlib
import json
import selectors
from collections import Counter

from dsoftbus.errors import END_LINK_DOWN, STALE_PEER, BusError, LocalError, PeerError
from dsoftbus.service import status
from dsoftbus.service.status import CallError
from dsoftbus_host.update import calls

START_S = 4
TRIAL_S = 300


class _Selector(selectors.DefaultSelector):
    """Nothing ever comes from outside: what was to be waited for has been."""

    now = 0.0

    def select(self, timeout=None):
        assert timeout is not None, "nobody will ever wake this"
        self.now += max(timeout, 0)
        return []


def run(coroutine):
    """The result of `coroutine`, without waiting."""
    selector = _Selector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


class Time:
    """asyncio's, in ms."""

    def now(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)

    async def sleep(self, ms: int) -> None:
        await asyncio.sleep(ms / 1000)


class Slot:
    def __init__(self, files: dict) -> None:
        self.files = files

    @property
    def manifest(self) -> bytes:
        return self.files.get("manifest.json", b"")

    @property
    def version(self) -> str:
        return json.loads(self.manifest)["version"] if self.manifest else ""


class UpdatedPeer:
    """A link to itself. `faults` maps (word, how many times it was said before) to "before" or
    "after", when the session is cut, or to an error. Versions in `broken` do not come up."""

    def __init__(self, faults: dict | None = None, broken: tuple = ()) -> None:
        self.faults = faults or {}
        self.broken = broken
        self.slots = {"a": Slot({}), "b": Slot({}), "": Slot({})}
        self.active, self.trial, self.pending = "", False, ""
        self.before = ""  # the slot that a trial goes back to
        self.failed = self.why = ""
        self.away_until = 0.0
        self.said = Counter()
        self.sent = []
        self.connection = None
        self.hurried = 0
        self.closed = False
        self._timers = []
        self.trial_s = TRIAL_S

    # A link

    async def connected(self, timeout_ms: int = 0) -> "FakeConnection":
        left_s = self.away_until - self._now()
        if left_s > timeout_ms / 1000:
            await asyncio.sleep(timeout_ms / 1000)
            raise LocalError(STALE_PEER, "away")
        await asyncio.sleep(max(left_s, 0))
        self.connection = FakeConnection(self)
        return self.connection

    def hurry(self) -> None:
        self.hurried += 1

    async def close(self) -> None:
        self.closed = True
        if self.connection is not None:
            await self.connection.close()

    # A board

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def restart(self, away_s: float = START_S) -> None:
        """Starts as the start program does."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        self.away_until = self._now() + away_s
        if self.connection is not None:
            self.connection.cut()
        if self.pending:
            self.before, self.active = self.active, self.pending
            self.pending, self.trial = "", True
            self._begin_trial()
        elif self.trial:
            self.failed, self.why = self.slots[self.active].version, "not confirmed"
            self.active, self.trial = self.before, False

    def _begin_trial(self) -> None:
        loop = asyncio.get_running_loop()
        if self.slots[self.active].version in self.broken:
            self.away_until = self._now() + 1e9
        self._timers.append(loop.call_later(self.trial_s, self.restart))

    @property
    def idle(self) -> str:
        return "b" if self.active == "a" else "a"

    def answer(self, name: str, value: object) -> object:
        here = self.slots[self.active]
        if name == calls.STATE:
            return {
                "version": here.version,
                "slot": self.active,
                "trial": self.trial,
                "digest": hashlib.sha256(here.manifest).hexdigest() if here.manifest else "",
                "other": self.slots[self.idle].version or ("root" if self.active else ""),
                "pending": self.slots[self.pending].version if self.pending else "",
                "failed": self.failed,
                "why": self.why,
                "free": -1,
                "later": [1],
            }
        if name == calls.BEGIN:
            self.wish = value
            self.trial_s = value["trial_s"]
            self.pending = self.failed = self.why = ""
            return {"slot": self.idle}
        loop = asyncio.get_running_loop()
        if name == calls.COMMIT:
            held = self.slots[self.idle]
            assert hashlib.sha256(held.manifest).hexdigest() == self.wish["digest"]
            for path, (digest, size) in json.loads(held.manifest)["files"].items():
                assert hashlib.sha256(held.files[path]).hexdigest() == digest
                assert len(held.files[path]) == size
            self.pending = self.idle
            self._timers.append(loop.call_later(0.1, self.restart))
        elif name == calls.ROLLBACK:
            self.pending = self.idle if self.slots[self.idle].version else ""
            self._timers.append(loop.call_later(0.1, self.restart))
        elif name == calls.CONFIRM:
            assert value == {"version": here.version}
            self.trial = False
            for timer in self._timers:
                timer.cancel()
        return None

    def take(self, name: str, data: bytes) -> bool:
        """Returns whether it had the file already."""
        held = self.slots[self.idle].files
        if name == "manifest.json" and held.get(name) != data:
            named = json.loads(data)["files"]
            for path in [path for path in held if path not in named]:
                del held[path]
        had = held.get(name) == data or self.slots[self.active].files.get(name) == data
        held[name] = data
        return had


class FakeConnection:
    def __init__(self, peer: UpdatedPeer) -> None:
        self.peer = peer
        self.cause: BusError | None = None

    def cut(self) -> None:
        self.cause = PeerError(END_LINK_DOWN, "cut")

    async def close(self) -> None:
        self.cause = self.cause or LocalError(END_LINK_DOWN, "closed")

    def _fault(self, word: str, when: str) -> None:
        if self.cause is not None:
            raise CallError(0, "", status.NOT_MADE)
        fault = self.peer.faults.get((word, self.peer.said[word]))
        if isinstance(fault, Exception) and when == "before":
            raise fault
        if fault == when:
            self.cut()
            raise CallError(0, "", status.UNKNOWN)

    async def call(self, name: str, value: object, timeout_ms: int) -> object:
        word = name.rpartition("/")[2]
        await asyncio.sleep(0.01)
        try:
            self._fault(word, "before")
            answer = self.peer.answer(name, value)
            self._fault(word, "after")
        finally:
            self.peer.said[word] += 1
        return answer


async def put(connection: FakeConnection, data: bytes, name: str, told) -> None:
    """One file, as the updater sends it."""
    peer = connection.peer
    await asyncio.sleep(0.01)
    try:
        connection._fault("put", "before")
        if not peer.take(name, data):
            peer.sent.append(name)
        told(len(data))
        connection._fault("put", "after")
    finally:
        peer.said["put"] += 1
