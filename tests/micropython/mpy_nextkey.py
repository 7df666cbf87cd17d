"""A change of key under power cuts, on the file systems of boards: littlefs and FAT in RAM."""

from flash import Fat, Flash, Littlefs, Mounted, PowerCut

from dsoftbus.errors import BAD_STATE, KEY_FILE
from dsoftbus_mpy import key_file
from dsoftbus_mpy.device import next_key_file
from support import Random, raises

PATH = "/flash/dsoftbus.key"
OLD = Random(1)(32)


def prepared(system) -> tuple:
    """A flash with a key and a plan, and the next secret."""
    flash = Flash(*system.blocks)
    system.vfs.mkfs(flash)
    with Mounted(system, flash):
        key_file.store(PATH, OLD)
        new = next_key_file.plan(PATH, 100, Random(2))
    return flash, new


def after_a_cut(system, flash, cut: int):
    """Changes the key and loses power at the write number `cut`; the flash as it is after
    power-up, or None where all was over before."""
    try:
        with Mounted(system, flash):
            flash.cut = cut
            next_key_file.switch(PATH)
        return None
    except (PowerCut, OSError):
        assert flash.dead
    return flash.revived()


def check_cuts(system) -> None:
    cut = 0
    flash, new = prepared(system)
    revived = after_a_cut(system, flash, cut)
    while revived is not None:
        with Mounted(system, revived):
            assert key_file.load(PATH) in (OLD, new)
            found = next_key_file.planned(PATH)  # the plan is there, or it is done
            assert (found is None) == (key_file.load(PATH) == new)
            next_key_file.switch(PATH)
            assert key_file.load(PATH) == new
            assert next_key_file.planned(PATH) is None
        cut += 1
        flash, new = prepared(system)
        revived = after_a_cut(system, flash, cut)
    assert cut > 3


def test_a_cut_on_littlefs_leaves_the_old_or_the_new_key():
    check_cuts(Littlefs)


def test_a_cut_on_fat_leaves_the_old_or_the_new_key():
    check_cuts(Fat)


def noted_after_a_cut(system, flash, cut: int):
    """Notes what has run and loses power at the write number `cut`; as `after_a_cut`."""
    try:
        with Mounted(system, flash):
            plan = next_key_file.read(PATH)
            flash.cut = cut
            next_key_file.note(PATH, plan, 40, ("a" * 26,))
        return None
    except (PowerCut, OSError):
        assert flash.dead
    return flash.revived()


def check_notes(system) -> None:
    """A note that is cut at any write loses what has run since the last, and not the plan."""
    cut = 0
    seen = set()
    flash, new = prepared(system)
    revived = noted_after_a_cut(system, flash, cut)
    while revived is not None:
        for _ in range(2):
            with Mounted(system, revived):
                secret, left_s = next_key_file.planned(PATH)
                assert secret == new
                seen.add(left_s)
        cut += 1
        flash, new = prepared(system)
        revived = noted_after_a_cut(system, flash, cut)
    assert cut > 3
    assert seen <= {100, 40}
    with Mounted(system, flash):  # which none has cut
        assert next_key_file.planned(PATH) == (new, 40)


def test_a_cut_note_on_littlefs_keeps_the_plan():
    check_notes(Littlefs)


def test_a_cut_note_on_fat_keeps_the_plan():
    check_notes(Fat)


def test_what_a_cut_left_of_a_plan_does_not_come_back():
    flash, _ = prepared(Littlefs)
    with Mounted(Littlefs, flash):
        with open(PATH + ".next", "rb") as file:
            plan = file.read()
        with open(PATH + ".next.new", "wb") as file:
            file.write(plan)
        next_key_file.cancel(PATH)
        assert next_key_file.planned(PATH) is None
        assert next_key_file.load(PATH, Random(3)) == OLD
        raises(BAD_STATE, next_key_file.cancel, PATH)


def test_no_clock_changes_a_key_that_nobody_knows():
    flash, _ = prepared(Littlefs)
    with Mounted(Littlefs, flash):
        for today in (0, 1800000000, 1900000000, 5):
            plan = next_key_file.read(PATH)
            for trusted in ((), ("a" * 26,)):
                plan.start(trusted, today)
                assert plan.left_s == 100
        assert next_key_file.start(PATH, ()).left_s == 100
        assert next_key_file.load(PATH, Random(3)) == OLD


def test_one_change_at_a_time_and_a_damaged_plan_is_reported():
    flash, _ = prepared(Littlefs)
    with Mounted(Littlefs, flash):
        raises(BAD_STATE, next_key_file.plan, PATH, 100, Random(3))
        with open(PATH + ".next", "rb") as file:
            data = file.read()
        with open(PATH + ".next", "wb") as file:
            file.write(data[:-2])
        raises(KEY_FILE, next_key_file.load, PATH, Random(3))
