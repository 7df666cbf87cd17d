"""A user's own files on the board in CI: `dsoftbus board put`, `get`, `ls` and `rm`, on one board
that keeps its node throughout."""

import asyncio
import contextlib
import os
import shutil

import pytest
from click.testing import CliRunner

from board.supervisor import Supervisor
from dsoftbus.errors import LocalError
from dsoftbus_host import key_file
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import files, logs, paths, provision, raw_repl, remote, watch
from dsoftbus_host.board.make import boards
from dsoftbus_host.board.raw_repl import RawRepl
from dsoftbus_host.cli.command import main
from portable import TIMEOUT_S
from support import raises

SECRET = os.urandom(32)
RAISES = """
import asyncio
import os

async def main(bus):
    while "go" not in os.listdir():
        await asyncio.sleep_ms(20)
    raise ValueError("the sensor is gone")
"""
SAYS = """
async def main(bus):
    print("version", {})
"""


@pytest.fixture(scope="module")
def board(image, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files") / "board"
    shutil.copytree(image, folder)
    with Supervisor(folder, heap="1M") as supervisor:
        supervisor.wait_for(b"started")  # its key is there
        yield supervisor


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The folder of the user, who works there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> tuple[str, int]:
    result = CliRunner().invoke(main, ["board", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result
    return result.output, result.exit_code


def refused(*words: str) -> str:
    said, status = run(*words)
    assert status == 1, said
    return said


def test_files_and_folders_there_and_back(board, here):
    (here / "pages/deep").mkdir(parents=True)
    (here / "pages/deep/a.txt").write_text("a")
    (here / "pages/.git").write_text("left out")
    (here / "data.bin").write_bytes(os.urandom(3000))
    said, status = run("put", board.port, "data.bin", "pages")
    assert status == 0 and "2 files written, 0 already there" in said and "started" in said
    assert (board.folder / "pages/deep/a.txt").read_text() == "a"
    assert not (board.folder / "pages/.git").exists()
    (here / "pages/deep/a.txt").write_text("b")
    said, _ = run("put", board.port, "data.bin", "pages", ":")
    assert "1 file written, 1 already there" in said
    said, _ = run("ls", board.port)
    assert "3000  data.bin" in said and "pages/" in said and "KiB are free" in said
    assert [line for line in said.splitlines() if "main.py" in line and "the node's" in line]
    (here / "back").mkdir()
    said, status = run("get", board.port, "data.bin", ":pages", "back")
    assert status == 0 and "back/pages/deep/a.txt" in said
    assert (here / "back/data.bin").read_bytes() == (here / "data.bin").read_bytes()
    assert (here / "back/pages/deep/a.txt").read_text() == "b"
    assert "is here already" in refused("get", board.port, "data.bin", "back")
    assert "-r removes it" in refused("rm", board.port, "pages")
    said, status = run("rm", board.port, "-r", "data.bin", ":pages/")
    assert status == 0 and "2 files removed" in said and "started" in said
    assert not (board.folder / "data.bin").exists() and not (board.folder / "pages").exists()


def test_a_name_for_one_file(board, here):
    (here / "one.py").write_text("1")
    for dest, path in ((":two.py", "two.py"), (":new/", "new/one.py"), (":new", "new/one.py")):
        assert run("put", board.port, "one.py", dest)[1] == 0
        assert (board.folder / path).read_text() == "1"
    whole = f":{board.folder}/two.py"  # as a board with its files in /flash has paths
    (here / "one.py").write_text("2")
    assert run("put", board.port, "one.py", whole)[1] == 0
    assert (board.folder / "two.py").read_text() == "2"
    (here / "new").write_text("a file")
    assert "new is a folder on the board" in refused("put", board.port, "new")
    assert "two.py is a file on the board" in refused("put", board.port, "one.py", ":two.py/")
    assert run("rm", board.port, "-r", "two.py", "new")[1] == 0


def nothing(done: int, total: int, path: str) -> None:
    """Nobody looks at the progress."""


def held(board) -> dict[str, int]:
    """Returns when each file on the board was written, without the count of its starts."""
    found = (path for path in board.folder.rglob("*") if path.is_file())
    return {str(path): path.stat().st_mtime_ns for path in found if "starts" not in path.name}


def test_what_is_the_nodes_stays(board, here):
    (here / "file").write_text("{}")
    key_file.load_or_make(here / "mine.key")
    with remote.connected(board.port) as there:
        before = held(board)

        def no(do, *args) -> str:
            return raises("local.bad_state", do, there, *args).detail

        for path in ("main.py", "config.json", "Trust.json", "dsoftbus.py", "lib/dsoftbus_x.py"):
            said = no(files.put, {path: here / "file"}, nothing)
            assert f"{path} is of the node on the board" in said
        assert "secret of this machine" in no(files.put, {"x": here / "mine.key"}, nothing)
        for path in ("main.py", "dsoftbus.key", "lib/dsoftbus", "lib"):
            assert "is of the node" in no(files.remove, [path], True)
        for path in ("dsoftbus.key", "config.json", "CONFIG.JSON"):
            assert "stays on the board" in no(files.get, [path], here, nothing)
        raises("local.bad_argument", files.remove, there, [paths.TOP], True, True)
        assert held(board) == before
        files.put(there, {"trust.json": here / "file"}, nothing, force=True)
        files.get(there, ["dsoftbus.key"], here, nothing, force=True)
    assert (board.folder / "trust.json").read_text() == "{}"
    assert (here / "dsoftbus.key").read_bytes() == (board.folder / "dsoftbus.key").read_bytes()


def test_a_refusal_leaves_no_board_behind_that_stands_still(board, here):
    starts = board.starts
    assert "stays on the board" in refused("get", board.port, "dsoftbus.key")
    board.wait_for(b"started")
    assert board.starts == starts + 2  # into the raw REPL, and as the node


def test_all_at_once_is_all_but_the_secrets(board, image, here):
    (here / "all").mkdir()
    with remote.connected(board.port) as there:
        there.remove_tree("lib")
        files.get(there, [paths.TOP], here / "all", nothing)
    assert {path.name for path in (here / "all").iterdir()} >= {"main.py"}
    assert not [path for path in (here / "all").iterdir() if paths.is_secret(path.name)]
    shutil.copytree(image / "lib", board.folder / "lib")


def test_another_main_is_a_users_own(tmp_path, here):
    folder = tmp_path / "bare"
    folder.mkdir()
    (here / "main.py").write_text("print('mine runs')")
    with Supervisor(folder) as bare:
        said, status = run("put", bare.port, "main.py")
        assert status == 0 and "no node is on this board" in said
        bare.wait_for(b"mine runs")
        assert run("rm", bare.port, "main.py")[1] == 0


@pytest.mark.parametrize("text", ["../x", "a/../../x", "a\nb", "a\\b", "n" * 256, "\udc80"])
def test_what_is_no_path_on_a_board(text):
    assert raises("local.bad_argument", paths.parse, text)


def test_paths_of_a_person_and_of_a_board():
    assert paths.parse(":") == paths.parse("") == paths.parse("./") == paths.TOP
    assert paths.parse("/flash/app.py", "/flash") == paths.parse("/app.py") == "app.py"
    assert paths.parse("/sd/log", "/flash") == "/sd/log" and paths.parse("/", "/flash") == "/"
    assert paths.parse("/flashy/x", "/flash") == "/flashy/x"
    assert paths.is_nodes("Config.JSON. ") and paths.is_nodes("lib/DSoftBus_core.mpy")
    assert paths.is_nodes("config.json.new") and not paths.is_nodes("sd/config.json")
    assert not paths.is_nodes("app.py") and not paths.is_nodes("lib/umqtt.mpy")


def test_a_long_file_shows_its_progress_and_what_has_no_room_is_refused(board, here, monkeypatch):
    (here / "long").write_bytes(os.urandom(24_000))
    sent, came = [], []
    with remote.connected(board.port) as there:
        monkeypatch.setattr(remote.Remote, "room", (512, 48_127))
        given = {"long": here / "long"}
        assert raises("local.bad_state", files.put, there, given, nothing)
        assert not (board.folder / "long").exists() and not (board.folder / "long.new").exists()
        monkeypatch.setattr(remote.Remote, "room", (512, 48_128))
        assert files.put(there, given, lambda *what: sent.append(what)) == (1, 0)
        (here / "long").unlink()
        files.get(there, ["long"], here, lambda *what: came.append(what))
        there.reset()
    assert len(sent) > 10 and sent[-2:] == [(24_000, 24_000, "long"), (24_000, 24_000, "")]
    assert len(came) > 10 and came == sorted(came) and came[-1] == (24_000, 24_000, "long")


class PowerCut:
    """The board loses its power at a byte on its way to it."""

    def __init__(self, board, at: int) -> None:
        self._board = board
        self._left = at
        self.cut = False

    def __call__(self, data: bytes) -> bytes:
        if 0 <= self._left < len(data):
            self._board.reset()
            self.cut = True
        self._left -= len(data)
        return data


@pytest.fixture
def hasty(monkeypatch):
    """mpremote waits ten seconds for a board that has fallen silent: here one."""
    monkeypatch.setattr(raw_repl, "READ_SECONDS", 0.3)
    monkeypatch.setattr(RawRepl.read_until, "__defaults__", (1, None, None))
    monkeypatch.setattr(RawRepl.exec_raw, "__defaults__", (1, None))


@pytest.mark.parametrize("at", [2500, 5000])
def test_a_power_cut_leaves_the_old_file_or_the_new_one(board, here, hasty, at):
    old, new = os.urandom(3600), os.urandom(3600)
    (board.folder / "data").write_bytes(old)
    (here / "data").write_bytes(new)
    with remote.connected(board.port) as there:
        board.to_board = PowerCut(board, at)
        with contextlib.suppress(LocalError):
            files.put(there, {"data": here / "data"}, nothing)
    assert board.to_board.cut
    board.to_board = bytes
    assert (board.folder / "data").read_bytes() in (old, new)
    board.wait_for(b"started")
    assert "1 file written" in run("put", board.port, "data")[0]
    assert (board.folder / "data").read_bytes() == new and not (board.folder / "data.new").exists()


def test_what_a_full_flash_leaves_is_removed(board, here):
    (here / "data").write_bytes(b"x" * 1000)
    with remote.connected(board.port) as there:
        write = there._transport.fs_writefile

        def full(path, data, **more):
            write(path, data[:500], **more)
            raise OSError(28, "ENOSPC")

        there._transport.fs_writefile = full
        given = {"data.bin": here / "data"}
        error = raises("local.bad_state", files.put, there, given, nothing)
        there.reset()
    assert "flash is full" in error.detail and not list(board.folder.glob("data.bin*"))


def test_a_program_that_raises_leaves_the_node_and_a_traceback_in_the_logs(
    board, here, monkeypatch
):
    def listened(path: str):
        """The lines until the last of the traceback: the program raises once the port is open."""
        for line in listen(path):
            (board.folder / "go").touch()
            yield line
            if "ValueError" in line:
                return

    listen = logs.listen
    monkeypatch.setattr(logs, "listen", listened)
    (here / "app.py").write_text(RAISES)
    board.wait_for(b"started")
    with remote.connected(board.port) as there:
        public = provision.provision(there, BareBus(SECRET).public, "laptop").public
        there.reset()
    assert run("put", board.port, "app.py")[1] == 0
    said, status = run("logs", board.port, "--seconds", str(TIMEOUT_S))
    assert status == 0 and "ValueError: the sensor is gone" in said and "app.py" in said
    (board.folder / "go").unlink()

    async def echoed() -> bytes:
        async with BareBus(SECRET) as bus:
            connection = await bus.open_serial(board.port).connect(public)
            async with connection, await connection.open("echo") as stream:
                await stream.write(b"alive")
                return await stream.readexactly(5)

    assert asyncio.run(asyncio.wait_for(echoed(), TIMEOUT_S)) == b"alive"
    run("rm", board.port, "app.py")


def test_watch_puts_what_changes_and_restarts_the_node(board, here, monkeypatch):
    """As a person at an editor: one change while it listens, and Ctrl-C after the next start."""
    (here / "app.py").write_text(SAYS.format(1))
    listen = logs.listen

    def until_ctrl_c(port):
        if (board.folder / "app.py").read_text() == SAYS.format(2):
            raise KeyboardInterrupt
        for line in listen(port):
            (here / "app.py").write_text(SAYS.format(2))
            yield line

    monkeypatch.setattr(watch.logs, "listen", until_ctrl_c)
    said, status = run("put", board.port, "app.py", "--watch")
    assert status == 130 and "version 1" in said and "version 2" in said
    assert said.count("watching app.py") == 2 and said.count("started") == 2


def test_files_of_a_program_for_another_board_warn(board, here):
    profile = board.folder / f"lib/{boards.PROFILE}.py"
    before = profile.read_bytes()
    profile.write_text(boards.find("rpi_pico").profile_source())
    (here / "x").write_text("x")
    said, status = run("put", board.port, "x")
    profile.write_bytes(before)
    assert (
        status == 0 and "this board calls itself linux" in said and "of rpi_pico may not" in said
    )
    assert "calls itself" not in run("rm", board.port, "x")[0]


def test_a_node_that_was_stopped_starts_again(board):
    said, status = run("stop", board.port)
    assert status == 0 and "board run" in said
    starts = board.starts
    board.wait_for(b">>> ")
    assert board.starts == starts
    assert "started" in run("run", board.port)[0]
