"""The key file under power cuts, on the file systems of boards: littlefs and FAT in RAM."""

import os

from flash import Fat, Flash, Littlefs, Mounted, PowerCut

from dsoftbus.base.key_file import encode_secret
from dsoftbus.errors import KEY_FILE
from dsoftbus_mpy import key_file
from support import Random, raises

OLD, NEW = Random(1)(32), Random(2)(32)
PATH = "/flash/dsoftbus.key"


def prepared(system, secret) -> Flash:
    """Formatted, with `secret` in its key file unless that is None."""
    flash = Flash(*system.blocks)
    system.vfs.mkfs(flash)
    if secret is not None:
        with Mounted(system, flash):
            key_file.store(PATH, secret)
    return flash


def after_a_cut(system, flash, cut: int, torn: int):
    """Stores NEW and loses power at the write number `cut`, of which `torn` bytes remain.

    Returns the flash as it is after power-up, or None where all was over before.
    """
    try:
        with Mounted(system, flash):
            flash.cut, flash.torn = cut, torn
            key_file.store(PATH, NEW)
        return None
    except (PowerCut, OSError):  # closing the file on dead flash is the second error
        assert flash.dead
    return flash.revived()


def loaded(system, flash):
    with Mounted(system, flash):
        return key_file.load(PATH)


def check_cuts(system, before, torn: int) -> int:
    """After a cut at any write there is the old secret or the new one; how many writes."""
    cut = 0
    while True:
        flash = after_a_cut(system, prepared(system, before), cut, torn)
        if flash is None:
            return cut
        secret = loaded(system, flash)
        assert secret in (before, NEW), (system.__name__, cut, torn, secret)
        assert loaded(system, flash) == secret
        assert cut or secret == before
        cut += 1


def check_every_cut(system, before):
    for torn in system.torn:
        assert check_cuts(system, before, torn) > 3
    flash = prepared(system, before)
    assert after_a_cut(system, flash, -1, 0) is None
    assert loaded(system, flash) == NEW


def test_littlefs_first_key():
    check_every_cut(Littlefs, None)


def test_littlefs_new_key():
    check_every_cut(Littlefs, OLD)


def test_fat_first_key():
    check_every_cut(Fat, None)


def test_fat_new_key():
    check_every_cut(Fat, OLD)


def in_memory(files: dict):
    """Mounts littlefs with these files."""
    flash = prepared(Littlefs, None)
    os.mount(Littlefs.vfs(flash), "/flash")
    for name, data in files.items():
        with open(name, "wb") as file:
            file.write(data)


def check_files(files: dict, expected):
    """`load` gives `expected`: a secret, None, or raises KEY_FILE and leaves all as it was."""
    in_memory(files)
    try:
        if expected == KEY_FILE:
            raises(KEY_FILE, key_file.load, PATH)
            raises(KEY_FILE, key_file.load_or_make, PATH, Random(3))
            for name, data in files.items():
                with open(name, "rb") as file:
                    assert file.read() == data
        else:
            assert key_file.load(PATH) == expected
    finally:
        os.umount("/flash")


def test_a_new_file_cut_at_every_byte():
    whole = encode_secret(NEW)
    for n in range(len(whole)):
        check_files({PATH: encode_secret(OLD), PATH + ".new": whole[:n]}, OLD)
        check_files({PATH + ".new": whole[:n]}, None)
    check_files({PATH + ".new": whole}, NEW)


def test_a_damaged_file_is_an_error_and_stays():
    whole = encode_secret(OLD)
    for n in range(len(whole)):
        check_files({PATH: whole[:n]}, KEY_FILE)
    for n in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[n] ^= 1
        check_files({PATH: damaged}, KEY_FILE)
    check_files({PATH: whole + b"\n"}, KEY_FILE)


def test_what_a_cut_left_is_no_key_beside_a_whole_one():
    in_memory({PATH: encode_secret(OLD), PATH + ".new": encode_secret(NEW)})
    try:
        assert key_file.load(PATH) == OLD
        os.remove(PATH)  # its owner wants another identity
        assert key_file.load(PATH) is None
    finally:
        os.umount("/flash")
    damaged = encode_secret(OLD)[:-1]
    check_files({PATH: damaged, PATH + ".new": encode_secret(NEW)}, KEY_FILE)


def test_a_key_is_made_once():
    in_memory({})
    try:
        secret = key_file.load_or_make(PATH, Random(5))
        assert secret == Random(5)(32)
        assert key_file.load_or_make(PATH, None) == secret
        assert os.listdir("/flash") == ["dsoftbus.key"]
    finally:
        os.umount("/flash")
