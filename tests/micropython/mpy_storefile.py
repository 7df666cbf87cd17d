"""The trust store's file under power cuts, on the file systems of boards: littlefs and FAT."""

import os

from flash import Fat, Flash, Littlefs, Mounted, PowerCut

from dsoftbus.const import SMALL, TINY
from dsoftbus.errors import STORE_FULL
from dsoftbus.trust.acl import rule
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_mpy.trust_file import StoreFile
from support import raises

PATH = "/flash/dsoftbus.trust"


def key(n: int) -> bytes:
    return bytes((n,)) * 32


def text_of(*names: str) -> bytes:
    store = TrustStore(SMALL)
    for n, name in enumerate(names):
        store.add(Entry(key(n + 1), name))
    return store.encode().encode()


def prepared(system, *names: str) -> Flash:
    """Formatted, with a store of these names unless there are none."""
    flash = Flash(*system.blocks)
    system.vfs.mkfs(flash)
    if names:
        with Mounted(system, flash):
            save(*names)
    return flash


def save(*names: str) -> None:
    """Adds what of these names the store does not have yet."""
    file = StoreFile(PATH, SMALL)
    for n, name in enumerate(names):
        if not file.store.named(name):
            file.store.add(Entry(key(n + 1), name))
    file.save()


def loaded(system, flash) -> list:
    with Mounted(system, flash):
        file = StoreFile(PATH, SMALL)
        assert file.damaged is None
        return sorted([entry.name for entry in file.store])


def after_a_cut(system, flash, cut: int, torn: int):
    """Adds a name and loses power at the write number `cut`, of which `torn` bytes remain.

    Returns the flash as it is after power-up, or None where all was over before.
    """
    try:
        with Mounted(system, flash):
            file = StoreFile(PATH, SMALL)
            file.store.add(Entry(key(9), "new"))
            flash.cut, flash.torn = cut, torn
            file.save()
        return None
    except (PowerCut, OSError):  # closing the file on dead flash is the second error
        assert flash.dead
    return flash.revived()


def check_every_cut(system, *before: str) -> None:
    for torn in system.torn:
        cut = 0
        flash = after_a_cut(system, prepared(system, *before), cut, torn)
        while flash is not None:
            names = loaded(system, flash)
            assert names in (sorted(before), sorted(before + ("new",))), (cut, torn, names)
            assert loaded(system, flash) == names
            cut += 1
            flash = after_a_cut(system, prepared(system, *before), cut, torn)
        assert cut > 3


def test_littlefs_first_store():
    check_every_cut(Littlefs)


def test_littlefs_changed_store():
    check_every_cut(Littlefs, "hall", "kitchen")


def test_fat_first_store():
    check_every_cut(Fat)


def test_fat_changed_store():
    check_every_cut(Fat, "hall", "kitchen")


def with_files(files: dict) -> Flash:
    flash = prepared(Littlefs)
    with Mounted(Littlefs, flash):
        for name, data in files.items():
            with open(name, "wb") as file:
                file.write(data)
    return flash


def test_a_new_file_cut_at_every_byte():
    old, new = text_of("hall"), text_of("hall", "new")
    for n in range(len(new)):
        assert loaded(Littlefs, with_files({PATH: old, PATH + ".new": new[:n]})) == ["hall"]
        assert loaded(Littlefs, with_files({PATH + ".new": new[:n]})) == []
    assert loaded(Littlefs, with_files({PATH + ".new": new})) == ["hall", "new"]


def test_a_damaged_store_is_told_of_and_kept():
    whole = text_of("hall")
    for damaged in (b"", whole[:-1], whole.replace(b"hall", b"hell"), b"\xff" + whole):
        flash = with_files({PATH: damaged, PATH + ".damaged": b"an older one"})
        with Mounted(Littlefs, flash):
            file = StoreFile(PATH, SMALL)
            assert file.damaged == PATH + ".damaged-1"
            with open(file.damaged, "rb") as kept:
                assert kept.read() == damaged
            assert len(file.store) == 0
            file.save()  # nothing to write: no empty store takes the damaged one's place
            assert "dsoftbus.trust" not in os.listdir("/flash")


def test_what_a_cut_left_never_becomes_the_store_of_a_damaged_one():
    old = text_of("hall", "revoked")
    for damaged in (b"", b"x", text_of("hall")[:-1]):
        flash = with_files({PATH: damaged, PATH + ".new": old})
        for _ in range(3):  # at this start, and at those after it
            with Mounted(Littlefs, flash):
                assert len(StoreFile(PATH, SMALL).store) == 0
                assert PATH[7:] + ".new" not in os.listdir("/flash")


def test_what_a_cut_left_is_no_store_beside_a_whole_one():
    flash = with_files({PATH: text_of("hall"), PATH + ".new": text_of("hall", "revoked")})
    assert loaded(Littlefs, flash) == ["hall"]
    with Mounted(Littlefs, flash):
        os.remove(PATH)  # its owner wants to trust nobody
    assert loaded(Littlefs, flash) == []


def test_rules_are_there_again_where_nobody_is_trusted():
    flash = prepared(Littlefs)
    for denied in (0, 1):
        with Mounted(Littlefs, flash):
            file = StoreFile(PATH, SMALL)
            assert len(file.store.rules) == denied
            file.store.add_rule(rule("deny in * echo"))
            file.save()


def test_files_of_others_beside_the_store_stay():
    names = (".dsoftbus.trust.swp", "dsoftbus.trust.newer", "dsoftbus.trust~", "new")
    files = {"/flash/" + name: b"mine" for name in names}
    files[PATH] = text_of("hall")
    flash = with_files(files)
    assert loaded(Littlefs, flash) == ["hall"]
    with Mounted(Littlefs, flash):
        for name in names:
            with open("/flash/" + name, "rb") as file:
                assert file.read() == b"mine"


def test_a_store_that_is_too_large_is_left_as_it_is():
    names = [str(n) for n in range(TINY.trusted + 1)]
    flash = with_files({PATH: text_of(*names)})
    with Mounted(Littlefs, flash):
        raises(STORE_FULL, StoreFile, PATH, TINY)
        assert len(StoreFile(PATH, SMALL).store) == len(names)
