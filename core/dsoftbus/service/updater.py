"""The update of a board, without a network: what its calls do (docs/updates.md).

`place` is the board. Refusals are BusError with a code of `update.`, or MALFORMED; OSError where
the flash fails. A method that is a generator works piece by piece.
"""

import binascii

from dsoftbus.errors import (
    MALFORMED,
    UPDATE_BUSY,
    UPDATE_FILE,
    UPDATE_MANIFEST,
    UPDATE_NO_SPACE,
    UPDATE_SAME,
    UPDATE_STATE,
    UPDATE_TRIAL,
    UPDATE_VERSION,
    LocalError,
    PeerError,
)
from dsoftbus.service.update_manifest import (
    FILES_MAX,
    MANIFEST,
    MANIFEST_MAX,
    Manifest,
    is_version,
    newer,
)
from dsoftbus.service.update_part import SlotPart
from dsoftbus.service.update_slots import (
    blocks,
    clear,
    copy,
    digest_of,
    held,
    running,
    verify,
    version_of,
)
from dsoftbus.service.update_state import (
    APP,
    ROOT,
    SYSTEM,
    TRACKS,
    TRIAL_S,
    TRIAL_S_MAX,
    TRIAL_S_MIN,
    Entry,
    confirmed,
    dropped,
    folder,
    idle,
    to_be_tried,
    with_entry,
)

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any

SILENCE_MS = 60000  # after which an updater has lost its place
_HEX = 64
_SIZE_MAX = 1 << 30
_TAKEN_BACK = "taken back by a peer"


class Begin:
    """The version that `begin` announces."""

    def __init__(self, value: "Any") -> None:
        """Raises PeerError(MALFORMED)."""
        try:
            self.track = value["track"]
            self.version = value["version"]
            self.size = value["size"]
            self.count = value["count"]
            self.digest = value["digest"]
            self.force = value.get("force", False) is True
            self.trial_s = value.get("trial_s", TRIAL_S)
            self.hash = binascii.unhexlify(self.digest)
        except (TypeError, KeyError, AttributeError, ValueError):
            raise PeerError(MALFORMED, "begin") from None
        self._check()

    def _check(self) -> None:
        numbers = (
            _is_number(self.size, 0, _SIZE_MAX)
            and _is_number(self.count, 1, FILES_MAX)
            and _is_number(self.trial_s, TRIAL_S_MIN, TRIAL_S_MAX)
        )
        if not numbers or self.track not in TRACKS or not is_version(self.version):
            raise PeerError(MALFORMED, "begin")
        if not isinstance(self.digest, str) or self.digest != self.digest.lower():
            raise PeerError(MALFORMED, "begin")
        if len(self.digest) != _HEX:
            raise PeerError(MALFORMED, "begin")


class Updater:
    """The updater's place on a board, and what happens there. `session` is whatever tells one
    updater from another; `now` in ms."""

    def __init__(self, place: "Any") -> None:
        self.place = place
        self.session: Any = None  # of who has the place
        self.silent_at = 0  # when it is free, unless something comes
        self._begun: Begin | None = None
        self._path = ""  # of the slot that is written, with `/` at its end
        self._ready = False  # its manifest is there

    # What the board runs

    def state(self) -> "dict[str, Any]":
        """The answer to `state`."""
        _, state = self.place.records.read()
        told = self._told(state, APP)
        told["free"] = self.place.free()
        told["platform"], told["machine"], told["mpy"] = self.place.kind
        told["system"] = self._told(state, SYSTEM)
        return told

    def _told(self, state: "dict[str, Any]", track: str) -> "dict[str, Any]":
        place, entry, slot = self.place, Entry(state, track), self.place.running(track)
        path = folder(track, slot)
        rest = version_of(place, folder(track, idle(entry.active)))
        root = slot == ROOT
        return {
            "version": "" if root else version_of(place, path),
            "digest": "" if root else digest_of(place, path),
            "slot": "" if root else slot,
            "other": self._other(track, entry, slot),
            "trial": self._on_trial(track, entry),
            "pending": _version(place, track, entry.trial) if entry.staged else "",
            "failed": rest if entry.why else "",
            "why": entry.why,
        }

    def _other(self, track: str, entry: Entry, slot: str) -> str:
        """The version that `rollback` leads to. (Whether it is whole `rollback` finds out.)"""
        if self._on_trial(track, entry):
            return _version(self.place, track, entry.active)
        before = self._before(track, entry)
        return _version(self.place, track, before) or ("" if slot == ROOT else "root")

    def _before(self, track: str, entry: Entry) -> str:
        """The slot that ran before; the root where the other slot has no whole version, or one
        whose trial came to nothing."""
        slot = idle(entry.active)
        return ROOT if entry.why or not _version(self.place, track, slot) else slot

    def _on_trial(self, track: str, entry: Entry) -> bool:
        slot: str = self.place.running(track)
        return bool(entry.trial and entry.started) and entry.trial == slot

    # The updater's place

    def check_place(self, session: "Any", now: int) -> None:
        """Raises LocalError(UPDATE_STATE) where this session has not begun, or was silent for too
        long; else its time begins anew."""
        if self.session is not session or now >= self.silent_at:
            raise LocalError(UPDATE_STATE, "nothing was begun in this session")
        self.silent_at = now + SILENCE_MS

    def release(self) -> None:
        """The place is free."""
        self.session = self._begun = None

    def begin(self, session: "Any", value: "Any", now: int) -> "dict[str, Any]":
        """The answer to `begin`."""
        begun = Begin(value)
        if self.session not in (None, session) and now < self.silent_at:
            raise LocalError(UPDATE_BUSY, "another updater is at work")
        counter, state = self.place.records.read()
        self._check_trials(state, begun.track)
        self._check_version(begun)
        entry = Entry(state, begun.track)
        slot = idle(entry.active)
        self._path = folder(begun.track, slot)
        if entry.trial:
            why = "another version came before it was started"
            self._drop(counter, state, begun.track, dropped(entry, why))
        free = self.place.free()
        if 0 <= free < begun.size - held(self.place, self._path):
            raise LocalError(UPDATE_NO_SPACE, "%d bytes are free" % free)
        self.session, self._begun, self._ready = session, begun, False
        self.silent_at = now + SILENCE_MS
        return {"slot": slot}

    def _check_trials(self, state: "dict[str, Any]", track: str) -> None:
        """Raises LocalError(UPDATE_TRIAL): one track at a time."""
        for name in TRACKS:
            entry = Entry(state, name)
            if self._on_trial(name, entry) or (entry.staged and name != track):
                version = _version(self.place, name, entry.trial)
                raise LocalError(UPDATE_TRIAL, "%s %s waits for it" % (name, version))

    def _check_version(self, begun: Begin) -> None:
        path = running(self.place, begun.track)
        root = self.place.running(begun.track) == ROOT
        version = "" if root else version_of(self.place, path)
        if begun.force:
            return
        if version and digest_of(self.place, path) == begun.digest:
            raise LocalError(UPDATE_SAME, version)
        if not newer(begun.version, version):
            raise LocalError(UPDATE_VERSION, "%s runs" % version)

    def _drop(self, counter: int, state: "dict[str, Any]", track: str, entry: "list[Any]") -> None:
        """Drops a trial; where the flash has no room for a record, what was to be tried goes."""
        after = with_entry(state, track, entry)
        try:
            self.place.records.write(counter + 1, after)
        except OSError:
            self._empty()
            self.place.records.write(counter + 1, after)

    def _empty(self) -> None:
        """Removes all of the idle slot, its manifest first: no start takes it any more."""
        if self.place.size(self._path + MANIFEST) >= 0:
            self.place.remove(self._path + MANIFEST)
        for _ in clear(self.place, self._path):
            pass

    # Files

    def part(self, session: "Any", name: str, size: int, now: int) -> SlotPart:
        """The file of this name and size, as far as it is there. Raises BusError for one that the
        version has not."""
        self.check_place(session, now)
        begun: Any = self._begun
        if name == MANIFEST:
            if size > MANIFEST_MAX:
                raise PeerError(UPDATE_MANIFEST, "%d bytes" % size)
            self._ready = False
            return SlotPart(self.place, self._path + MANIFEST, begun.hash, size)
        if not self._ready:
            raise LocalError(UPDATE_STATE, "the manifest comes first")
        digest, wanted = self._named(name)
        if size != wanted:
            raise PeerError(UPDATE_FILE, name)
        return SlotPart(self.place, self._path + name, digest, size)

    def _named(self, name: str) -> "tuple[bytes, int]":
        with self.place.open(self._path + MANIFEST, "rb") as file:
            found = Manifest(file.readline).find(name)
        if found is None:
            raise PeerError(UPDATE_FILE, name)
        return found

    def fill(self, part: SlotPart) -> "Iterator[None]":
        """Copies the file from what runs, if it is the same there and not here already."""
        begun: Any = self._begun
        name = part.path[len(self._path) :]
        if name == MANIFEST or part.whole:
            return
        source = running(self.place, begun.track) + name
        for _ in copy(self.place, source, part.path, part.digest, part.wanted):
            yield

    def stored(self, part: SlotPart) -> "Iterator[None]":
        """A file is there. With the manifest, which is the one that was announced, all goes from
        the slot that it does not name."""
        if part.path != self._path + MANIFEST:
            return
        need = self._checked()
        for _ in clear(self.place, self._path):
            yield
        free = self.place.free()
        if 0 <= free < need - held(self.place, self._path):
            raise LocalError(UPDATE_NO_SPACE, "%d bytes are free, of %d" % (free, need))
        self._ready = True

    def _checked(self) -> int:
        """Reads the manifest; returns the bytes of flash that its files take. Raises
        PeerError(UPDATE_MANIFEST)."""
        begun: Any = self._begun
        place, need = self.place, 0
        with place.open(self._path + MANIFEST, "rb") as file:
            manifest = Manifest(file.readline)
            entry = manifest.next()
            while entry is not None:
                need += blocks(place, entry[2])
                entry = manifest.next()
        said = (manifest.version, manifest.count, manifest.size)
        if said != (begun.version, begun.count, begun.size):
            raise PeerError(UPDATE_MANIFEST, "not what was announced")
        return need

    # The end

    def commit(self, session: "Any", now: int) -> "Iterator[None]":
        """Reads all back, and writes that it is to be tried: then a reset starts it."""
        self.check_place(session, now)
        if not self._ready:
            raise LocalError(UPDATE_STATE, "the manifest is not there")
        begun: Any = self._begun
        for _ in verify(self.place, self._path):
            yield
        slot = self._path[-2]
        self._stage(begun.track, slot, begun.trial_s)
        self.release()

    def _stage(self, track: str, slot: str, trial_s: int = 0) -> None:
        counter, state = self.place.records.read()
        entry = to_be_tried(Entry(state, track), slot)
        self.place.records.write(counter + 1, with_entry(state, track, entry, trial_s))

    def confirm(self, value: "Any") -> None:
        """Keeps what runs on trial, if it has the version that `value` names."""
        version = value.get("version") if isinstance(value, dict) else None
        counter, state = self.place.records.read()
        for track in TRACKS:
            entry = Entry(state, track)
            runs = _version(self.place, track, self.place.running(track))
            if self._on_trial(track, entry) and runs == version:
                after = with_entry(state, track, confirmed(entry))
                self.place.records.write(counter + 1, after)
                self.place.end_trial()
                return
            if runs and runs == version and not entry.trial:
                return
        raise LocalError(UPDATE_STATE, "no such version waits for it")

    def rollback(self, value: "Any") -> "Iterator[None]":
        """Takes back what is on trial, or tries what was there before: then a reset starts it."""
        track = value.get("track") if isinstance(value, dict) else None
        if track not in TRACKS:
            raise PeerError(MALFORMED, "rollback")
        counter, state = self.place.records.read()
        entry = Entry(state, track)
        if entry.trial:
            after = with_entry(state, track, dropped(entry, _TAKEN_BACK))
            self.place.records.write(counter + 1, after)
            return
        self._check_trials(state, track)
        slot = self._before(track, entry)
        if slot != ROOT:
            try:
                for _ in verify(self.place, folder(track, slot)):
                    yield
            except PeerError:
                slot = ROOT
        if slot == entry.active:
            raise LocalError(UPDATE_STATE, "there is nothing to go back to")
        self._stage(track, slot)


def _version(place: "Any", track: str, slot: str) -> str:
    """The version in a slot, "" for none and for the root."""
    return "" if slot in ("", ROOT) else version_of(place, folder(track, slot))


def _is_number(value: "Any", least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
