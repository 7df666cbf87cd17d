"""Power that goes at any write of a board's life with updates: one whole version comes up, and it
can be updated again."""

from __future__ import annotations

import random

import pytest

from dsoftbus.errors import BusError
from dsoftbus.update import slots
from dsoftbus.update.tracks import APP, SYSTEM
from update_board import Board, Flash, Version, update

ROOT_APP = {"app.py": b"print('root')"}
ROOT_LIB = {"dsoftbus_core.mpy": b"C" * 90, "dsoftbus_line.mpy": b"L" * 40}


STEPS = 40  # of a life, by chance


def app(number: int) -> Version:
    """A version that shares a file with each other, and has one that none has."""
    return {
        "app.py": b"app %d" % number,
        "same.py": b"same" * 30,
        f"pages/{number}.html": b"page %d" % number * 20,
        f"pages/deep/{number % 2}": b"deep" * number,
    }


def lib(number: int) -> Version:
    return {**ROOT_LIB, "dsoftbus_line.mpy": b"L%d" % number * 20}


def new_flash(late: bool) -> Flash:
    flash = Flash(late)
    flash.files = dict(ROOT_APP)
    flash.files |= {"lib/" + name: data for name, data in ROOT_LIB.items()}
    flash.folders = {"lib"}
    return flash


class Campaign:
    """A life, and each state that a cut could have left in it, with what may run then."""

    def __init__(self, late: bool) -> None:
        self.flash = new_flash(late)
        self.flash.on_write = self._note
        self.board = Board(self.flash)
        self.points = 0
        self._may: dict[str, list[Version]] = {APP: [ROOT_APP], SYSTEM: [ROOT_LIB]}
        self.states: list[tuple[Flash, dict[str, list[Version]]]] = []

    def _note(self) -> None:
        self.points += 1
        last = self.states[-1] if self.states else None
        may = {track: list(versions) for track, versions in self._may.items()}
        same = last and (last[0].files, last[0].folders, last[1]) == (
            self.flash.files,
            self.flash.folders,
            may,
        )
        if not same:
            self.states.append((self.flash.copy(), may))

    def updates(self, track: str, version: str, files: Version, confirms: bool = True) -> None:
        """An update, its start, its confirmation or its end."""
        old = self._may[track][:1]
        self._may[track] = [*old, files]
        update(self.board.start(), track, version, files, force=True)
        updater = self.board.start()
        assert self.board.runs(track) == files
        if confirms:
            updater.confirm({"version": version})
        self.board.start()
        assert self.board.runs(track) == (files if confirms else old[0])
        self._may[track] = [files] if confirms else old

    def goes_back(self, track: str, files: Version) -> None:
        """A rollback, which is confirmed."""
        self._may[track].append(files)
        updater = self.board.start()
        for _ in updater.rollback({"track": track}):
            pass
        updater = self.board.start()
        assert self.board.runs(track) == files
        state = updater.state()
        updater.confirm({"version": (state if track == APP else state["system"])["version"]})
        self._may[track] = [files]


def life(late: bool, seed: int = 0) -> Campaign:
    """Every way of a track's states, and both tracks; then some by chance."""
    lived = Campaign(late)
    lived.updates(APP, "1.0", app(1))
    lived.updates(APP, "1.1", app(2))
    lived.updates(APP, "1.2", app(3), confirms=False)
    lived.updates(SYSTEM, "3.0", lib(1))
    lived.updates(APP, "1.2", app(3))
    lived.goes_back(APP, app(2))
    lived.updates(SYSTEM, "3.1", lib(2))
    lived.updates(APP, "1.3", app(4))
    lived.updates(APP, "1.4", app(4), confirms=False)
    chance = random.Random(seed)
    for n in range(5, 5 + STEPS):
        track = chance.choice((APP, APP, SYSTEM))
        files = (app if track == APP else lib)(n)
        lived.updates(track, f"2.{n}", files, confirms=chance.random() < 0.7)
    return lived


def settled(board: Board) -> object:
    """The updater after a start, with whatever was on trial confirmed."""
    updater = board.start()
    state = updater.state()
    for told in (state, state["system"]):
        if told["trial"]:
            updater.confirm({"version": told["version"]})
    return updater


def check(flash: Flash, may: dict[str, list[Version]]) -> None:
    """One whole version of each track comes up, and an update goes through."""
    board = Board(flash)
    updater = settled(board)
    for track, versions in may.items():
        assert board.runs(track) in versions
    update(updater, APP, "99", app(99), force=True)
    updater = board.start()
    assert board.runs(APP) == app(99) and updater.state()["trial"]
    updater.confirm({"version": "99"})
    board.start()
    assert board.runs(APP) == app(99)


@pytest.mark.parametrize("late", [True, False], ids=["littlefs", "fat"])
def test_a_cut_at_any_write_leaves_one_whole_version_that_can_be_updated(late):
    lived = life(late)
    assert lived.points > (1000 if late else 2500)
    for flash, may in lived.states:
        check(flash, may)


@pytest.mark.parametrize("late", [True, False], ids=["littlefs", "fat"])
def test_a_flash_that_is_full_from_any_write_on_leaves_the_old_version(late):
    flash = new_flash(late)
    board = Board(flash)
    update(board.start(), APP, "1", app(1))
    board.start().confirm({"version": "1"})
    before, begun = flash.copy(), flash.writes
    update(Board(flash).start(), APP, "2", app(2))
    for at in range(flash.writes - begun):
        full = before.copy()
        full.full_at = at
        board = Board(full)
        with pytest.raises((OSError, BusError)):
            update(board.start(), APP, "2", app(2))
        board.start()
        assert board.runs(APP) == app(1)
        full.full_at = -1
        check(full, {APP: [app(1), app(2)]})


def records(flash: Flash) -> list[str]:
    return [path for path in flash.files if path.startswith("dsoftbus.slots.")]


def test_a_record_that_is_torn_at_any_byte_leaves_the_other():
    flash = new_flash(True)
    board = Board(flash)
    update(board.start(), APP, "1", app(1))
    board.start().confirm({"version": "1"})
    update(board.start(), APP, "2", app(2))
    before = flash.copy()
    newest = "dsoftbus.slots.0" if board.records.read()[0] % 2 == 0 else "dsoftbus.slots.1"
    assert sorted(records(flash)) == ["dsoftbus.slots.0", "dsoftbus.slots.1"]
    said = flash.files[newest]
    for n in range(len(said)):
        for rest in (b"", b"\0" * (len(said) - n), b"\xff" * (len(said) - n)):
            torn = before.copy()
            torn.files[newest] = said[:n] + rest
            check(torn, {APP: [app(1), app(2)]})


def test_any_byte_of_a_record_that_changes_is_noticed():
    flash = new_flash(True)
    board = Board(flash)
    update(board.start(), APP, "1", app(1))
    board.start().confirm({"version": "1"})
    board.start()
    for path in records(flash):
        for n in range(len(flash.files[path])):
            hurt = flash.copy()
            data = bytearray(flash.files[path])
            data[n] ^= 0x15
            hurt.files[path] = bytes(data)
            other = flash.copy()
            del other.files[path]
            assert read(hurt) == read(other), (path, n)


def read(flash: Flash) -> object:
    """The record that holds, as the start program reads it."""
    board = Board(flash)
    board.start()
    return board.records.read()


def test_a_start_that_cannot_be_noted_takes_the_old_version_until_it_can():
    flash = new_flash(True)
    board = Board(flash)
    update(board.start(), APP, "1", app(1))
    flash.full_at = 0
    for _ in range(3):
        updater = board.start()
        assert board.runs(APP) == ROOT_APP and not board.on_trial
        assert updater.state()["pending"] == "1"
    flash.full_at = -1
    assert board.start().state()["trial"] and board.runs(APP) == app(1)
    flash.full_at = 0
    for _ in range(2):  # what was begun is over, noted or not
        board.start()
        assert board.runs(APP) == ROOT_APP
    check(flash.copy(), {APP: [ROOT_APP]})


def test_what_is_not_the_same_is_not_copied():
    board = Board(new_flash(True))
    other = {"app.py": b"print('rooT')"}
    assert len(other["app.py"]) == len(ROOT_APP["app.py"])
    copied = slots.copy(board, "app.py", "app_a/app.py", b"\1" * 32, len(other["app.py"]))
    assert not list(copied)[1:] and "app_a/app.py" not in board.flash.files
    sent = update(board.start(), APP, "1", {**other, "lib.py": b"x"})
    assert sent > len(other["app.py"])


def test_without_any_record_the_root_runs_and_is_updated_again():
    flash = new_flash(True)
    update(Board(flash).start(), APP, "1", app(1))
    for path in records(flash):
        flash.files[path] = b"\xff" * 300
    check(flash, {APP: [ROOT_APP]})


def test_a_slot_that_was_emptied_by_hand_gives_way_to_the_root():
    flash = new_flash(True)
    board = Board(flash)
    update(board.start(), APP, "1", app(1))
    board.start().confirm({"version": "1"})
    for path in [path for path in flash.files if path.startswith("app_a/")]:
        del flash.files[path]
    board.start()
    assert board.runs(APP) == ROOT_APP
    check(flash, {APP: [ROOT_APP]})
