"""The start program: it decides which slot of each track runs (docs/updates.md).

It stands alone: a board has it as the module `dsoftbus_boot`, `main.py` calls `run` before
anything of the project is imported, and no update over the air replaces it. It leaves the heap at
once, unless something runs on trial.
"""

import binascii
import json
import os
import sys

_RECORD = "dsoftbus.slots.%d"
_RECORD_MAX = 1024  # bytes
_TRACKS = (("system", "lib_"), ("app", "app_"))  # the last one comes to stand first
_ROOT = "r"
_NOT_CONFIRMED = "it was started, and not confirmed before the next start"
_NOT_WHOLE = "its slot has no manifest"

trial: list = []  # [seconds, the timer that resets the board then, or None] while there is one


def run() -> None:
    """Puts the slots that hold onto `sys.path`. The root runs where something is wrong."""
    try:
        counter, state = read()
        if counter:
            _start(counter, state)
    except Exception as error:  # noqa: BLE001 - the node has to start
        print("no slots:", repr(error))
    if not trial:
        sys.modules.pop(__name__, None)


def read() -> tuple:
    """(counter, state) of the record that holds; (0, {}) where there is none."""
    found, other = _record(0), _record(1)
    return other if other[0] > found[0] else found


def write(counter: int, state: dict) -> None:
    """Writes the record with this counter, one more than that of the record which holds, and reads
    it back. Raises OSError; then the other one holds."""
    said = json.dumps(state).encode()
    crc = binascii.crc32(b"%d %s" % (counter, said))
    with open(_RECORD % (counter & 1), "wb") as file:
        file.write(b"%d %08x %s" % (counter, crc, said))
    sync = getattr(os, "sync", None)  # where a file system keeps back what is closed
    if sync:
        sync()
    if _record(counter & 1)[0] != counter:
        raise OSError("a record is not as it was written")


def _record(number: int) -> tuple:
    try:
        with open(_RECORD % number, "rb") as file:
            counter, crc, said = file.read(_RECORD_MAX).split(b" ", 2)
        if int(crc, 16) == binascii.crc32(counter + b" " + said):
            return int(counter), json.loads(said)
    except (OSError, ValueError):
        pass
    return 0, {}


def _start(counter: int, state: dict) -> None:
    noted = {}
    for track, prefix in _TRACKS:
        if state[track][1]:
            noted[track] = _begun(state[track], prefix)
    if noted and not _is_noted(counter + 1, state, noted):
        noted = {}  # a trial that nobody notes would never end
    for track, prefix in _TRACKS:
        active, tried, started, _ = noted.get(track, state[track])
        tries = track in noted and started
        _use(tried if tries else active, prefix)
        if tries:
            trial.append(state["trial_s"])
    if trial:
        trial[1:] = [_timer(trial[0])]


def _begun(entry: list, prefix: str) -> list:
    """The entry of a track that has a trial, once this start is noted."""
    active, tried, started, _ = entry
    if started:
        return [active, "", 0, _NOT_CONFIRMED]
    return [active, tried, 1, ""] if _is_there(tried, prefix) else [active, "", 0, _NOT_WHOLE]


def _is_noted(counter: int, state: dict, noted: dict) -> bool:
    after = dict(state)
    after.update(noted)
    try:
        write(counter, after)
        return True
    except OSError as error:
        print("no trial:", repr(error))
        return False


def _is_there(slot: str, prefix: str) -> bool:
    try:
        return slot == _ROOT or bool(os.stat(prefix + slot + "/manifest.json"))
    except OSError:
        return False


def _use(slot: str, prefix: str) -> None:
    if slot != _ROOT and _is_there(slot, prefix):
        sys.path.insert(0, os.getcwd().rstrip("/") + "/" + prefix + slot)


def _timer(seconds: int):
    """A timer of the hardware that resets the board, or None where there is none."""
    try:
        machine = __import__("machine")
        reset, make = machine.reset, machine.Timer
    except (ImportError, AttributeError):
        return None
    for number in (-1, 0):  # one of software, where ports have those
        try:
            timer = make(number)
            timer.init(mode=make.ONE_SHOT, period=seconds * 1000, callback=lambda _: reset())
            return timer
        except (ValueError, TypeError, OSError):
            pass
    return None
