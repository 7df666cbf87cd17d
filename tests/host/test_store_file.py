"""The trust store on disk: whole at every cut, private, and kept aside when damaged."""

import os
import stat

import pytest

from dsoftbus.const import HOST, TINY
from dsoftbus.errors import STORE_FULL, LocalError
from dsoftbus.trust.acl import rule
from dsoftbus.trust.store import Entry
from dsoftbus.trust.store_text import decode
from dsoftbus_host.storage import atomic_file, trust_file
from dsoftbus_host.storage.trust_file import StoreFile


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(trust_file, "_AT_START_S", 0)  # nobody else writes these
    return tmp_path / "deep" / "trust.json"


def filled(path, *names) -> StoreFile:
    file = StoreFile(path)
    for n, name in enumerate(names):
        file.store.add(Entry(bytes((n + 1,)) * 32, name))
    file.save()
    return file


def names(path) -> list:
    return sorted(entry.name for entry in StoreFile(path).store)


def test_a_store_is_there_again_after_a_restart(path):
    filled(path, "hall", "Küche")
    assert names(path) == ["Küche", "hall"]
    assert StoreFile(path).damaged is None


def test_no_file_is_an_empty_store_and_nothing_is_written_before_there_is_something(path):
    file = StoreFile(path)
    file.save()
    assert len(file.store) == 0
    assert not path.exists()


def test_only_its_owner_reads_it(path):
    filled(path, "hall")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


class Cut(Exception):
    """The power goes."""


def cut_after(monkeypatch, n: int) -> None:
    """The power goes when `n` bytes of the next file have reached the medium."""

    class Writer:
        def __init__(self, handle, mode):
            self.handle = handle

        def write(self, data):
            os.write(self.handle, data[:n])
            os.close(self.handle)
            raise Cut

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(atomic_file.os, "fdopen", Writer)
    monkeypatch.setattr(
        atomic_file.Path, "unlink", lambda self, missing_ok=False: None
    )  # nobody tidies up


def test_a_write_that_is_cut_at_any_byte_leaves_the_old_store(path, monkeypatch):
    old = filled(path, "hall")
    size = path.stat().st_size
    file = StoreFile(path)
    file.store.add(Entry(b"\7" * 32, "new"))
    for n in range(len(file.store.encode().encode()) + 1):
        with monkeypatch.context() as patch:
            cut_after(patch, n)
            with pytest.raises(Cut):
                file.save()
        remains = list(path.parent.glob(".trust.json.*"))
        assert len(remains) == 1
        assert remains[0].stat().st_size == n
        assert names(path) == ["hall"]
        assert path.stat().st_size == size
        assert list(path.parent.glob(".trust.json.*")) == []
    file.save()
    assert names(path) == ["hall", "new"]
    assert len(old.store) == 1


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_cut_before_the_step_leaves_the_old_store_and_after_it_the_new(path, monkeypatch, step):
    filled(path, "hall")
    file = StoreFile(path)
    file.store.add(Entry(b"\7" * 32, "new"))

    def gone(*_):
        raise Cut

    with monkeypatch.context() as patch:
        if step == "fsync":
            patch.setattr(atomic_file.os, "fsync", gone)
            with pytest.raises(Cut):
                file.save()
            assert names(path) == ["hall"]
            return
        patch.setattr(atomic_file, "sync_folder", gone)
        with pytest.raises(Cut):
            file.save()
    assert names(path) == ["hall", "new"]


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be synchronised")
def test_a_file_and_its_name_are_on_the_medium_before_it_is_done(path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace

    def synced(handle):
        steps.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def replaced(*names):
        steps.append("step")
        replace(*names)

    monkeypatch.setattr(atomic_file.os, "fsync", synced)
    monkeypatch.setattr(atomic_file.place, "__defaults__", (replaced,))
    filled(path, "hall")
    assert steps == ["file", "step", "folder"]
    del steps[:]
    with atomic_file.writing(path):
        atomic_file.remove(path)
    assert steps == ["folder"]
    assert not path.exists()


def test_every_cut_of_the_file_itself_is_reported_and_kept_aside(path):
    filled(path, "hall", "kitchen")
    whole = path.read_bytes()
    for n in range(0, len(whole), 7):
        path.write_bytes(whole[:n])
        file = StoreFile(path)
        assert len(file.store) == 0
        assert file.damaged.read_bytes() == whole[:n]
        assert not path.exists()  # and no empty one in its place
        file.damaged.unlink()


def test_bytes_that_are_no_text_are_damage(path):
    filled(path, "hall")
    path.write_bytes(b"\xff" + path.read_bytes())
    assert StoreFile(path).damaged is not None


def test_two_damaged_stores_have_two_names(path):
    path.parent.mkdir()
    path.write_text("one")
    first = StoreFile(path).damaged
    path.write_text("other")
    second = StoreFile(path).damaged
    assert (first.read_text(), second.read_text()) == ("one", "other")


def test_a_store_that_is_too_large_is_refused_and_left(path):
    file = StoreFile(path)
    for n in range(TINY.trusted + 1):
        file.store.add(Entry(bytes((n,)) * 32))
    file.save()
    with pytest.raises(LocalError) as refused:
        StoreFile(path, TINY)
    assert refused.value.code == STORE_FULL
    assert path.exists()


def test_what_another_process_wrote_is_noticed(path):
    mine = filled(path, "hall")
    assert mine.reread() is None
    other = StoreFile(path)
    other.store.add_rule(rule("allow in * echo"))
    other.save()
    assert [str(r) for r in mine.reread().rules] == ["allow in * echo"]
    assert mine.reread() is None
    assert decode(path.read_text(), HOST).encode() == path.read_text()
