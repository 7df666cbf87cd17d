"""Records of updates under power cuts, on the file systems of boards: littlefs and FAT in RAM."""

import os
import sys

from flash import Fat, Flash, Littlefs, Mounted, PowerCut

from dsoftbus_mpy.device import dsoftbus_boot as boot

STEADY = {"app": ["a", "", 0, ""], "system": ["r", "", 0, ""], "trial_s": 300}
STAGED = {"app": ["a", "b", 0, ""], "system": ["r", "", 0, ""], "trial_s": 300}
MANIFEST = '{"version": "1", "files": {'


class Here:
    """The file system of the flash, as the current folder of a board."""

    def __init__(self, system, flash):
        self._mounted = Mounted(system, flash)
        self._from = os.getcwd()

    def __enter__(self):
        self._mounted.__enter__()
        os.chdir("/flash")

    def __exit__(self, kind, error, trace):
        os.chdir(self._from)
        self._mounted.__exit__(kind, error, trace)


def prepared(system) -> Flash:
    """Two records, of which the second says that slot b is to be tried; and both slots."""
    flash = Flash(system.blocks[0], system.blocks[1] * 4)
    system.vfs.mkfs(flash)
    with Here(system, flash):
        for slot in ("app_a", "app_b"):
            os.mkdir(slot)
            with open(slot + "/manifest.json", "w") as file:
                file.write(MANIFEST)
        boot.write(1, STEADY)
        boot.write(2, STAGED)
    return flash


def started(system, flash) -> str:
    """The slot that a start takes."""
    path = list(sys.path)
    try:
        with Here(system, flash):
            boot.trial.clear()
            boot.run()
            return "".join([each[-1] for each in sys.path if each not in path])
    finally:
        sys.path[:] = path
        boot.trial.clear()


def cut_in(system, before, act, cut: int, torn: int):
    """Does `act` and loses power at its write number `cut`; the flash as it is after power-up, or
    None where all was over before."""
    flash = before.revived()
    try:
        with Here(system, flash):
            flash.cut, flash.torn = cut, torn
            act()
        dead = flash.dead  # a start goes on where no record can be written
    except (PowerCut, OSError):
        assert flash.dead
        dead = True
    return flash.revived() if dead else None


def check_cuts(system, act, may):
    """After a cut at any write of `act` a record holds that `may` be, and a start takes a slot."""
    before = prepared(system)
    for torn in system.torn:
        cut = 0
        flash = cut_in(system, before, act, cut, torn)
        while flash is not None:
            with Here(system, flash):
                counter, state = boot.read()
            assert (counter, state) in may, (system.__name__, cut, torn, counter, state)
            tries = state["app"][1] == "b" and not state["app"][2]
            taken = "b" if tries or state["app"][0] == "b" else "a"
            assert started(system, flash) == taken, (system.__name__, cut, torn)
            assert started(system, flash) == ("b" if state["app"][0] == "b" else "a")
            cut += 1
            flash = cut_in(system, before, act, cut, torn)
        assert cut > 1


def noted(entry) -> dict:
    return dict(STAGED, app=entry)


CONFIRMED = noted(["b", "", 0, ""])
TRIED = noted(["a", "b", 1, ""])


def test_a_cut_while_a_record_is_written_leaves_the_old_one_or_the_new_one():
    for system in (Littlefs, Fat):
        check_cuts(system, lambda: boot.write(3, CONFIRMED), ((2, STAGED), (3, CONFIRMED)))


def test_a_cut_while_a_start_notes_its_trial():
    path = list(sys.path)

    def start():
        boot.trial.clear()
        boot.run()
        sys.path[:] = path

    for system in (Littlefs, Fat):
        check_cuts(system, start, ((2, STAGED), (3, TRIED)))
    boot.trial.clear()


def test_a_flash_without_room_for_a_record_keeps_the_old_one():
    flash = prepared(Fat)
    with Here(Fat, flash):
        try:
            with open("full", "wb") as file:
                while True:
                    file.write(b"x" * 512)
        except OSError:
            pass
        try:
            boot.write(3, CONFIRMED)
        except OSError:
            assert boot.read() == (2, STAGED)
        else:
            assert boot.read() == (3, CONFIRMED)
