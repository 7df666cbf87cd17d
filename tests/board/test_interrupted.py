"""The cable is pulled, or the power fails, at every step of an installation: the board starts into
its REPL or as a whole node, and the next installation completes."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from board.supervisor import Supervisor
from dsoftbus.errors import BAD_STATE, LocalError
from dsoftbus_host.board import install, raw_repl, remote, settings
from dsoftbus_host.board.make import boards, compiler
from dsoftbus_host.board.raw_repl import RawRepl
from support import raises

UNIX = boards.find("unix")
OLD = {"lib/dsoftbus_profile.py": b"old", "lib/dsoftbus_a.mpy": b"a", "lib/dsoftbus/x.mpy": b"x"}
NEW = {
    "lib/dsoftbus_profile.py": b"new",
    "lib/dsoftbus_a.mpy": b"a",
    "lib/dsoftbus_b.mpy": b"b" * 1000,
    "lib/dsoftbus_mpy/y.mpy": b"y",
}


class Pulled(LocalError):
    """The cable is out."""


class Disk:
    """A Remote to this folder, whose cable is pulled after so many `steps`."""

    architecture = ""
    room = None
    group = remote.Remote.group

    def __init__(self, steps: int = 10**9) -> None:
        self.left = steps

    def _step(self) -> None:
        if not self.left:
            raise Pulled(BAD_STATE, "the cable is out")
        self.left -= 1

    def run(self, program: str) -> str:
        self._step()
        said = []
        exec(program, {"print": lambda text: said.append(str(text) + "\n")})
        self._step()
        return "".join(said)

    def read(self, path: str) -> bytes | None:
        self._step()
        return Path(path).read_bytes() if Path(path).exists() else None

    def make_folders(self, files) -> None:
        self._step()
        for path in files:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._step()

    def write(self, path: str, data: bytes, progress=lambda done: None) -> None:
        for part in (data[: len(data) // 2], data):
            self._step()
            Path(path + ".new").write_bytes(part)
        self.rename(path + ".new", path)

    def rename(self, path: str, to: str) -> None:
        self._step()
        os.rename(path, to)
        self._step()

    def remove(self, *paths: str) -> None:
        for path in paths:
            self._step()
            os.remove(path)
            self._step()


def held() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def put(files: dict[str, bytes], steps: int, monkeypatch) -> bool:
    """Returns whether the installation came to its end."""
    monkeypatch.setattr(install, "files_for", lambda *_: files)
    try:
        install.install(Disk(steps), UNIX, lambda *_: None)
    except Pulled:
        return False
    return True


def cut_everywhere(before, tmp_path, monkeypatch) -> int:
    """Installs NEW on what `before` leaves, cut after 0, 1, 2 ... steps; how many there are."""
    steps = 0
    while True:
        folder = tmp_path / str(steps)
        folder.mkdir()
        monkeypatch.chdir(folder)
        before()
        whole = put(NEW, steps, monkeypatch)
        left = held()
        if "main.py" in left:  # it starts as a node: the old one or the new one
            assert any(files.items() <= left.items() for files in (OLD, NEW))
            assert json.loads(left["config.json"])
        assert left.get("dsoftbus.key", b"secret") == b"secret"
        if whole:
            return steps
        assert put(NEW, 10**9, monkeypatch)
        left = held()
        ours = {path for path in left if path.startswith("lib/")}
        assert ours == set(NEW) and NEW.items() <= left.items() and left["main.py"] == UNIX.main
        assert not [path for path in left if path.endswith(".new")]
        steps += 1


def test_a_first_installation_is_cut_at_every_step(tmp_path, monkeypatch):
    assert cut_everywhere(lambda: None, tmp_path, monkeypatch) > 25


def test_an_update_is_cut_at_every_step(tmp_path, monkeypatch):
    def before():
        assert put(OLD, 10**9, monkeypatch)
        Path("dsoftbus.key").write_text("secret")
        Path("config.json").write_text('{"name": "hall"}')

    assert cut_everywhere(before, tmp_path, monkeypatch) > 25
    assert held()["config.json"] == b'{"name": "hall"}'


def test_a_configuration_that_fat_left_half_renamed_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.json.new").write_text('{"name": "hall"}')
    assert put(NEW, 10**9, monkeypatch)
    assert held()["config.json"] == b'{"name": "hall"}'


# On the board in CI


def age(board) -> None:
    """Makes the node an older one: whole, with a file that differs, and one that is no more."""
    older = compiler.compiled(compiler.linked_source("core"), "dsoftbus_core", "x64")
    (board.folder / "lib/dsoftbus_core.mpy").write_bytes(older)
    (board.folder / "lib/dsoftbus_old.mpy").write_bytes(b"stale")


def update(board):
    with remote.connected(board.port) as there:
        return install.install(there, UNIX, lambda *_: None)


def starts_whole(board) -> bool:
    """After a power cut: True as a node, False into the REPL. Anything else fails."""
    board.reset()
    board.wait_for(b"started" if (board.folder / "main.py").exists() else b">>> ")
    with remote.connected(board.port) as there:
        said = there.start()
        if said.startswith("dsoftbus "):
            return True
        assert "Traceback" not in said and not (board.folder / "main.py").exists(), said
        return False


def test_a_board_in_the_midst_of_its_start_may_miss_the_first_call(board, monkeypatch):
    monkeypatch.setattr(remote, "ATTEMPT_SECONDS", 2)
    board.wait_for(b"started")
    board.reset()
    with remote.connected(board.port) as there:
        assert there.ask("1 + 1") == 2
        assert "started" in there.start()


class PullAfter:
    """Lets `calls` of a Remote's methods pass, and then pulls the cable."""

    def __init__(self, calls: int, monkeypatch) -> None:
        self.left = calls
        for name in ("write", "remove", "rename"):
            monkeypatch.setattr(remote.Remote, name, self.counted(getattr(remote.Remote, name)))

    def counted(self, method):
        def call(*args):
            if not self.left:
                raise Pulled(BAD_STATE, "the cable is out")
            self.left -= 1
            return method(*args)

        return call


def test_an_update_of_the_board_is_cut_after_every_change(board):
    board.wait_for(b"dsoftbus ")
    calls, nodes = 0, []
    while True:
        age(board)
        with pytest.MonkeyPatch.context() as patch:
            PullAfter(calls, patch)
            try:
                update(board)
                break
            except Pulled:
                pass
        if calls:
            nodes.append(starts_whole(board))
        assert update(board).written > 0
        calls += 1
    assert calls == 4 and nodes == [False] * 3  # main.py, the stale one, core, main.py
    assert starts_whole(board)


@pytest.fixture
def hasty(monkeypatch):
    """mpremote waits ten seconds for a board that has fallen silent: here one."""
    monkeypatch.setattr(raw_repl, "READ_SECONDS", 0.3)
    monkeypatch.setattr(RawRepl.read_until, "__defaults__", (1, None, None))
    monkeypatch.setattr(RawRepl.exec_raw, "__defaults__", (1, None))


class PowerCut:
    """The board loses its power at a byte on its way to it."""

    def __init__(self, board, at: int) -> None:
        self._board = board
        self._left = at

    def __call__(self, data: bytes) -> bytes:
        if 0 <= self._left < len(data):
            self._board.reset()
        self._left -= len(data)
        return data


@pytest.mark.parametrize("at", [400, 4000, 10_000])
def test_the_power_fails_inside_a_transfer(board, at, hasty):
    board.wait_for(b"dsoftbus ")
    age(board)
    with remote.connected(board.port) as there:
        board.to_board = PowerCut(board, at)
        raises("local.bad_state", install.install, there, UNIX, lambda *_: None)
    board.to_board = bytes
    starts_whole(board)
    update(board)
    assert starts_whole(board)


@pytest.mark.parametrize("at", [0, 300, 600, 900])
def test_the_power_fails_while_the_configuration_changes(board, at, hasty):
    """It is the old one or the new one."""
    board.wait_for(b"started")
    with remote.connected(board.port) as there:
        values = settings.read(there)
        board.to_board = PowerCut(board, at)
        with contextlib.suppress(LocalError):
            settings.write(there, values | {"name": "hall"})
    board.to_board = bytes
    assert starts_whole(board)
    assert json.loads((board.folder / "config.json").read_text())["name"] in ("board", "hall")


# Refused before anything is touched


def test_a_main_of_another_is_kept(bare, command):
    (bare.folder / "main.py").write_text("print('mine')\n")
    said, status = command("install", bare.port, "--board", "unix")
    assert status == 0 and "main.py was not ours, and is main.py.before now" in said
    assert (bare.folder / "main.py.before").read_text() == "print('mine')\n"
    (bare.folder / "main.py").write_text("print('mine, too')\n")
    said, status = command("install", bare.port, "--board", "unix")
    assert status == 0 and (bare.folder / "main.py.before").read_text() == "print('mine')\n"
    (other,) = bare.folder.glob("main.py.before-*")
    assert other.read_text() == "print('mine, too')\n"


SMALL_FLASH = """
import os

class Ram:
    def __init__(self, blocks):
        self.data = bytearray(512 * blocks)

    def readblocks(self, block, buf, offset=0):
        at = block * 512 + offset
        buf[:] = memoryview(self.data)[at : at + len(buf)]

    def writeblocks(self, block, buf, offset=0):
        at = block * 512 + offset
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, arg):
        return len(self.data) // 512 if op == 4 else 512 if op == 5 else 0

ram = Ram(BLOCKS)
os.VfsLfs2.mkfs(ram)
os.mount(os.VfsLfs2(ram), "/ram")
os.chdir("/ram")
"""


def test_a_flash_without_room_is_refused(tmp_path, command, monkeypatch):
    (tmp_path / "boot.py").write_text(SMALL_FLASH.replace("BLOCKS", "100"))
    with Supervisor(tmp_path, heap="4M") as board:
        said, status = command("install", board.port, "--board", "unix")
        assert status == 1 and "the board's flash has room for 49 KiB more, and this takes" in said
        monkeypatch.setattr(remote.Remote, "room", None)  # a port that cannot say
        said, status = command("install", board.port, "--board", "unix")
        assert status == 1 and "the board's flash is full" in said
        with remote.connected(board.port) as there:
            assert "dsoftbus" not in there.start()


def answering(mpy: int):
    """Returns the answer of a board whose machine code is of this kind, as `sys.implementation`
    says it."""
    return lambda _, what: mpy if "'_mpy'" in what else ("linux", "")


def test_another_mpy_version_is_told_what_to_do(board, command, monkeypatch):
    monkeypatch.setattr(remote.Remote, "ask", answering(5))
    said, status = command("install", board.port, "--board", "unix")
    assert status == 1 and "mpy version 5 of this board: use --source" in said
    monkeypatch.setattr(remote.Remote, "ask", answering(6 | 2 << 8 | 2 << 10))
    with remote.connected(board.port) as there:
        assert there.architecture == ""  # machine code of another version: bytecode alone
    assert not any("kernels" in path for path in install.files_for(UNIX, ""))


def test_a_file_that_arrives_changed_is_not_put_in_place(board):
    with remote.connected(board.port) as there:
        there._transport.fs_writefile = lambda path, data, **_: (board.folder / path).write_bytes(
            b"?"
        )
        raises("local.bad_state", there.write, "config.json", b"{}")
    assert json.loads((board.folder / "config.json").read_text())["name"] == "board"


def test_sources_make_the_same_node(tmp_path, command):
    folder = tmp_path / "board"
    folder.mkdir()
    with Supervisor(folder, heap="2M") as board:
        said, status = command("install", board.port, "--board", "unix", "--source")
        assert status == 0 and "line on the console" in said
        assert (folder / "lib/dsoftbus/noise/handshake_state.py").exists() and not [
            *folder.rglob("*.mpy")
        ]
        said, status = command("install", board.port, "--board", "unix")  # and back
        assert status == 0 and not [*folder.rglob("lib/**/noise.py")]
