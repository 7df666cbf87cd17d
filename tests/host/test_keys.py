"""The key file: private, made once, and wholly old or wholly new whatever happens."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dsoftbus.base.key_file import KEY_FILE_BYTES, encode_secret
from dsoftbus.errors import KEY_FILE, LocalError
from dsoftbus_host import key_file
from dsoftbus_host.storage import atomic_file
from portable import PYTHON_PATH, TIMEOUT_S

OLD = bytes(range(32))
NEW = bytes(range(32, 64))
RACERS = 8
RACE = """
import sys
from pathlib import Path
from dsoftbus_host.key_file import load_or_make
print("ready", flush=True)
sys.stdin.readline()
print(load_or_make(Path(sys.argv[1])).hex())
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "er" / "node.key"


def refused(path: Path) -> str:
    """Returns the text of the key file's error; the file must not have changed by it."""
    before = path.read_bytes()
    with pytest.raises(LocalError) as caught:
        key_file.load_or_make(path)
    assert caught.value.code == KEY_FILE
    assert path.read_bytes() == before
    return str(caught.value)


def test_it_is_made_once_and_only_its_owner_reads_it(path):
    secret = key_file.load_or_make(path)
    assert len(secret) == 32
    assert key_file.load_or_make(path) == key_file.load(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_two_nodes_have_two_secrets(tmp_path):
    assert key_file.load_or_make(tmp_path / "a") != key_file.load_or_make(tmp_path / "b")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610, 0o601])
def test_one_that_others_may_read_is_refused_with_the_remedy(path, mode):
    secret = key_file.load_or_make(path)
    path.chmod(mode)
    words = refused(path).split("run: ")[1]
    subprocess.run(words, shell=True, check=True)  # what it says to do, helps
    assert key_file.load(path) == secret


def test_the_remedy_holds_for_awkward_names(tmp_path):
    path = tmp_path / "a name; with 'quotes'"
    key_file.load_or_make(path)
    path.chmod(0o644)
    subprocess.run(refused(path).split("run: ")[1], shell=True, check=True)
    key_file.load(path)


def test_a_damaged_file_is_never_replaced(path):
    key_file.load_or_make(path)
    whole = path.read_bytes()
    damaged = [whole[:n] for n in range(len(whole))]
    damaged += [whole[:n] + bytes((whole[n] ^ 1,)) + whole[n + 1 :] for n in range(len(whole))]
    damaged += [whole + b"\n", whole * 2, bytes(len(whole))]
    for data in damaged:
        path.write_bytes(data)
        assert str(path) in refused(path)


def test_what_cannot_be_a_key_file_is_an_os_error(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "node.key"):
        with pytest.raises(OSError):
            key_file.load_or_make(path)


def test_racing_processes_agree(path):
    command = [sys.executable, "-c", RACE, str(path)]
    environment = {**os.environ, "PYTHONPATH": PYTHON_PATH}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [subprocess.Popen(command, env=environment, **pipes) for _ in range(RACERS)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    secrets = {racer.communicate(timeout=TIMEOUT_S)[0] for racer in racers}
    assert secrets == {key_file.load(path).hex() + "\n"}
    assert list(path.parent.iterdir()) == [path]


class PowerCut(BaseException):
    """Nothing that the program would still have done happens."""


def cut_at(monkeypatch, n: int, error: BaseException) -> None:
    """Only the first `n` bytes of the next file reach the medium."""

    monkeypatch.setattr(atomic_file.os, "fdopen", lambda handle, _mode: Torn(handle, n, error))


class Torn:
    """A file that ends after some bytes."""

    def __init__(self, handle: int, room: int, error: BaseException) -> None:
        self._handle = handle
        self._room = room
        self._error = error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._handle)

    def write(self, data: bytes) -> None:
        os.write(self._handle, data[: self._room])
        raise self._error


@pytest.mark.parametrize("first", [True, False], ids=["made", "replaced"])
def test_cut_at_every_byte(path, first):
    path.parent.mkdir(parents=True)
    for n in range(KEY_FILE_BYTES + 1):
        if not first:
            key_file.store(path, OLD)
        with pytest.MonkeyPatch.context() as patch:
            cut_at(patch, n, PowerCut())
            patch.setattr(atomic_file.Path, "unlink", lambda *_, **__: None)
            with pytest.raises(PowerCut):
                key_file.load_or_make(path) if first else key_file.store(path, NEW)
        if first:
            assert not path.exists()
        else:
            assert key_file.load(path) == OLD
    secret = key_file.load_or_make(path)  # what the cuts have left is in nobody's way
    key_file.store(path, NEW)
    assert key_file.load(path) == NEW != secret


def test_a_full_disk_leaves_the_old_key_and_no_remains(path):
    path.parent.mkdir(parents=True)
    key_file.store(path, OLD)
    for n in (0, 1, KEY_FILE_BYTES - 1):
        with pytest.MonkeyPatch.context() as patch:
            cut_at(patch, n, OSError(28, "No space left on device"))
            with pytest.raises(OSError):
                key_file.store(path, NEW)
        assert path.read_bytes() == encode_secret(OLD)
        assert list(path.parent.iterdir()) == [path]
