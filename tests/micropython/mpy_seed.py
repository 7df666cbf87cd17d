"""The seed in a file, under power cuts on littlefs and FAT: no start repeats another's stream.

The noise here is the same in every start, which no sound source's is: what differs comes from the
seed alone.
"""

import os

from flash import Fat, Flash, Littlefs, Mounted, PowerCut
from noise import three

from dsoftbus_mpy import key_file
from dsoftbus_mpy.noise_source.conditioner import Generator

PATH = "/flash/dsoftbus.seed"
STARTS = 4  # after each cut


def formatted(system) -> Flash:
    flash = Flash(*system.blocks)
    system.vfs.mkfs(flash)
    return flash


def start(system, flash) -> bytes:
    """Returns the first bytes of a start."""
    with Mounted(system, flash):
        return Generator(three(), PATH)(16)


def started(system, starts: int) -> tuple:
    """(a flash after so many starts, what they gave)."""
    flash = formatted(system)
    return flash, [start(system, flash) for _ in range(starts)]


def test_each_start_has_another_stream():
    _, given = started(Littlefs, 10)
    assert len(set(given)) == 10


def test_the_seed_in_the_file_is_not_what_the_program_gets():
    flash = formatted(Littlefs)
    with Mounted(Littlefs, flash):
        random = Generator(three(), PATH)
        kept = key_file.load(PATH)
        assert kept not in (random(32), random(32))
        assert key_file.load(PATH) == kept  # replaced at a start, not at a request


def cut_start(system, flash, cut: int, torn: int) -> list:
    """Returns the bytes of a start that loses power at the write number `cut`: none, mostly."""
    given = []
    try:
        with Mounted(system, flash):
            flash.cut, flash.torn = cut, torn
            random = Generator(three(), PATH)
            if not flash.dead:  # it would be off
                given.append(random(16))
    except (PowerCut, OSError):  # closing the file on dead flash is the second error
        assert flash.dead
    return given


def check_cuts(system, before: int, torn: int) -> int:
    """A cut at each write of a start: no later start repeats what any start has given."""
    cut = 0
    flash_before, given_before = started(system, before)  # the same each time: so is the noise
    while True:
        flash = flash_before.revived()
        given = given_before + cut_start(system, flash, cut, torn)
        if not flash.dead:
            return cut
        flash = flash.revived()
        given += [start(system, flash) for _ in range(STARTS)]
        assert len(set(given)) == len(given), (system.__name__, before, cut, torn)
        cut += 1


def test_littlefs_cut_at_every_write():
    for torn in Littlefs.torn:
        for before in (0, 1, 2):
            assert check_cuts(Littlefs, before, torn) > 2


def test_fat_cut_at_every_write():
    for torn in Fat.torn:
        for before in (0, 1, 2):
            assert check_cuts(Fat, before, torn) > 2


def with_seed(data: bytes) -> Flash:
    flash, _ = started(Littlefs, 1)
    with Mounted(Littlefs, flash), open(PATH, "wb") as file:
        file.write(data)
    return flash


def test_a_damaged_seed_only_loses_its_contribution():
    without = start(Littlefs, formatted(Littlefs))
    flash, _ = started(Littlefs, 1)
    with Mounted(Littlefs, flash), open(PATH, "rb") as file:
        whole = file.read()
    assert start(Littlefs, with_seed(whole)) != without
    for data in (b"", whole[:-1], b"x" + whole[1:], whole * 2, bytes(200)):
        flash = with_seed(data)
        assert start(Littlefs, flash) == without
        assert start(Littlefs, flash) != without  # a sound one has taken its place


def test_a_seed_that_cannot_be_replaced_is_not_used():
    flash, _ = started(Littlefs, 1)
    with Mounted(Littlefs, flash):
        os.mkdir(PATH + ".new")  # in the way of every write
        without = Generator(three(), "/no/such/folder/seed")(16)
        for _ in range(2):
            assert Generator(three(), PATH)(16) == without
