"""The calls of an update, as a board carries them out (docs/updates.md).

`place` is the board, `updater` the updater's place there. Refusals are BusError with a code of
`update.`, or MALFORMED; OSError where the flash fails. A function that is a generator works piece
by piece.
"""

import binascii

from dsoftbus.errors import (
    MALFORMED,
    UPDATE_BUSY,
    UPDATE_NO_SPACE,
    UPDATE_SAME,
    UPDATE_STATE,
    UPDATE_TRIAL,
    UPDATE_VERSION,
    LocalError,
    PeerError,
)
from dsoftbus.update.manifest import FILES_MAX, MANIFEST, is_version
from dsoftbus.update.room import clear, held
from dsoftbus.update.slots import running
from dsoftbus.update.state import (
    TRIAL_S,
    TRIAL_S_MAX,
    TRIAL_S_MIN,
    Entry,
    confirmed,
    dropped,
    idle,
    to_be_tried,
    with_entry,
)
from dsoftbus.update.tracks import APP, ROOT, SYSTEM, TRACKS, folder
from dsoftbus.update.updater import Announced
from dsoftbus.update.versions import digest_of, newer, verify, version_of

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any
    from dsoftbus.update.updater import Updater

_HEX = 64
_SIZE_MAX = 1 << 30
_TAKEN_BACK = "taken back by a peer"


def state(place: "Any") -> "dict[str, Any]":
    """The answer to `state`."""
    _, state = place.records.read()
    told = _told(place, state, APP)
    told["free"] = place.free()
    told["platform"], told["machine"], told["mpy"] = place.kind
    told["system"] = _told(place, state, SYSTEM)
    return told


def _told(place: "Any", state: "dict[str, Any]", track: str) -> "dict[str, Any]":
    entry, slot = Entry(state, track), place.running(track)
    path = folder(track, slot)
    rest = version_of(place, folder(track, idle(entry.active)))
    root = slot == ROOT
    return {
        "version": "" if root else version_of(place, path),
        "digest": "" if root else digest_of(place, path),
        "slot": "" if root else slot,
        "other": _other(place, track, entry, slot),
        "trial": _on_trial(place, track, entry),
        "pending": _version(place, track, entry.trial) if entry.staged else "",
        "failed": rest if entry.why else "",
        "why": entry.why,
    }


def _other(place: "Any", track: str, entry: Entry, slot: str) -> str:
    """The version that `rollback` leads to. (Whether it is whole `rollback` finds out.)"""
    if _on_trial(place, track, entry):
        return _version(place, track, entry.active)
    before = _before(place, track, entry)
    return _version(place, track, before) or ("" if slot == ROOT else "root")


def _before(place: "Any", track: str, entry: Entry) -> str:
    """The slot that ran before; the root where the other slot has no whole version, or one whose
    trial came to nothing."""
    slot = idle(entry.active)
    return ROOT if entry.why or not _version(place, track, slot) else slot


def _on_trial(place: "Any", track: str, entry: Entry) -> bool:
    slot: str = place.running(track)
    return bool(entry.trial and entry.started) and entry.trial == slot


def begin(updater: "Updater", session: "Any", value: "Any", now: int) -> "dict[str, Any]":
    """The answer to `begin`."""
    begun = _announced(value)
    place = updater.place
    if updater.session not in (None, session) and now < updater.silent_at:
        raise LocalError(UPDATE_BUSY, "another updater is at work")
    counter, state = place.records.read()
    _check_trials(place, state, begun.track)
    _check_version(place, begun)
    entry = Entry(state, begun.track)
    slot = idle(entry.active)
    updater.path = folder(begun.track, slot)
    if entry.trial:
        why = "another version came before it was started"
        _drop(updater, counter, with_entry(state, begun.track, dropped(entry, why)))
    free = place.free()
    if 0 <= free < begun.size - held(place, updater.path):
        raise LocalError(UPDATE_NO_SPACE, "%d bytes are free" % free)
    updater.session, updater.begun, updater.ready = session, begun, False
    updater.heard(now)
    return {"slot": slot}


def _announced(value: "Any") -> Announced:
    """The version that `begin` names. Raises PeerError(MALFORMED)."""
    begun = Announced()
    try:
        begun.track = value["track"]
        begun.version = value["version"]
        begun.size = value["size"]
        begun.count = value["count"]
        begun.digest = value["digest"]
        begun.force = value.get("force", False) is True
        begun.trial_s = value.get("trial_s", TRIAL_S)
        begun.hash = binascii.unhexlify(begun.digest)
    except (TypeError, KeyError, AttributeError, ValueError):
        raise PeerError(MALFORMED, "begin") from None
    _check(begun)
    return begun


def _check(begun: Announced) -> None:
    numbers = (
        _is_number(begun.size, 0, _SIZE_MAX)
        and _is_number(begun.count, 1, FILES_MAX)
        and _is_number(begun.trial_s, TRIAL_S_MIN, TRIAL_S_MAX)
    )
    if not numbers or begun.track not in TRACKS or not is_version(begun.version):
        raise PeerError(MALFORMED, "begin")
    if not isinstance(begun.digest, str) or begun.digest != begun.digest.lower():
        raise PeerError(MALFORMED, "begin")
    if len(begun.digest) != _HEX:
        raise PeerError(MALFORMED, "begin")


def _check_trials(place: "Any", state: "dict[str, Any]", track: str) -> None:
    """Raises LocalError(UPDATE_TRIAL): one track at a time."""
    for name in TRACKS:
        entry = Entry(state, name)
        if _on_trial(place, name, entry) or (entry.staged and name != track):
            version = _version(place, name, entry.trial)
            raise LocalError(UPDATE_TRIAL, "%s %s waits for it" % (name, version))


def _check_version(place: "Any", begun: Announced) -> None:
    path = running(place, begun.track)
    root = place.running(begun.track) == ROOT
    version = "" if root else version_of(place, path)
    if begun.force:
        return
    if version and digest_of(place, path) == begun.digest:
        raise LocalError(UPDATE_SAME, version)
    if not newer(begun.version, version):
        raise LocalError(UPDATE_VERSION, "%s runs" % version)


def _drop(updater: "Updater", counter: int, after: "dict[str, Any]") -> None:
    """Drops a trial; where the flash has no room for a record, what was to be tried goes."""
    write = updater.place.records.write
    try:
        write(counter + 1, after)
    except OSError:
        _empty(updater.place, updater.path)
        write(counter + 1, after)


def _empty(place: "Any", path: str) -> None:
    """Removes all of the slot at `path`, its manifest first: no start takes it any more."""
    if place.size(path + MANIFEST) >= 0:
        place.remove(path + MANIFEST)
    for _ in clear(place, path):
        pass


def commit(updater: "Updater", session: "Any", now: int) -> "Iterator[None]":
    """Reads all back, and writes that it is to be tried: then a reset starts it."""
    updater.check_place(session, now)
    if not updater.ready:
        raise LocalError(UPDATE_STATE, "the manifest is not there")
    begun: Any = updater.begun
    for _ in verify(updater.place, updater.path):
        yield
    slot = updater.path[-2]
    _stage(updater.place, begun.track, slot, begun.trial_s)
    updater.release()


def _stage(place: "Any", track: str, slot: str, trial_s: int = 0) -> None:
    counter, state = place.records.read()
    entry = to_be_tried(Entry(state, track), slot)
    place.records.write(counter + 1, with_entry(state, track, entry, trial_s))


def confirm(place: "Any", value: "Any") -> None:
    """Keeps what runs on trial, if it has the version that `value` names."""
    version = value.get("version") if isinstance(value, dict) else None
    counter, state = place.records.read()
    for track in TRACKS:
        entry = Entry(state, track)
        runs = _version(place, track, place.running(track))
        if _on_trial(place, track, entry) and runs == version:
            after = with_entry(state, track, confirmed(entry))
            place.records.write(counter + 1, after)
            place.end_trial()
            return
        if runs and runs == version and not entry.trial:
            return
    raise LocalError(UPDATE_STATE, "no such version waits for it")


def rollback(place: "Any", value: "Any") -> "Iterator[None]":
    """Takes back what is on trial, or tries what was there before: then a reset starts it."""
    track = value.get("track") if isinstance(value, dict) else None
    if track not in TRACKS:
        raise PeerError(MALFORMED, "rollback")
    counter, state = place.records.read()
    entry = Entry(state, track)
    if entry.trial:
        after = with_entry(state, track, dropped(entry, _TAKEN_BACK))
        place.records.write(counter + 1, after)
        return
    _check_trials(place, state, track)
    slot = _before(place, track, entry)
    if slot != ROOT:
        try:
            for _ in verify(place, folder(track, slot)):
                yield
        except PeerError:
            slot = ROOT
    if slot == entry.active:
        raise LocalError(UPDATE_STATE, "there is nothing to go back to")
    _stage(place, track, slot)


def _version(place: "Any", track: str, slot: str) -> str:
    """The version in a slot, "" for none and for the root."""
    return "" if slot in ("", ROOT) else version_of(place, folder(track, slot))


def _is_number(value: "Any", least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
