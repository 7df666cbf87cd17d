"""A node is put into the ROM partition of a board in CI, by mpremote, and runs from there."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from board.conftest import put
from board.supervisor import Supervisor
from board.test_install import echo
from board.test_supervisor import mpremote
from dsoftbus.errors import UNSUPPORTED
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import install, partition, provision, remote, romfs
from dsoftbus_host.board.make import boards
from dsoftbus_host.board.raw_repl import RawRepl
from portable import TIMEOUT_S
from support import raises

HERE = Path(__file__).parent
KIB = 1024
ROM = 320 * KIB
ERASED = b"\xff"
# The partition lies in it, for want of flash; the node has 240k, where others have 320k.
ROM_HEAP = f"{ROM // KIB + 240}k"
UNIX = boards.find("unix")
OTHERS = partition.packed({"lib/theirs.py": b"print('theirs')"})


def with_rom(folder: Path, rom: bytes = b"", size: int = ROM, mapped: bool = True) -> Path:
    """Gives a board's file system a ROM partition that begins with this."""
    folder.mkdir(exist_ok=True)
    shutil.copy(HERE / "rom_partition.py", folder)
    (folder / "boot.py").write_text(f"import rom_partition\nrom_partition.start({mapped})\n")
    (folder / "rom.bin").write_bytes(rom.ljust(size, ERASED))
    return folder


@pytest.fixture
def board(tmp_path):
    """A bare board that has an empty partition."""
    with Supervisor(with_rom(tmp_path / "board"), heap=ROM_HEAP) as supervisor:
        yield supervisor


def deploy(board, **options):
    """Deploys; returns the result and the progress."""
    seen = []
    with remote.connected(board.port) as there:
        done = romfs.deploy(there, UNIX, lambda *what: seen.append(what), **options)
    return done, seen


def from_rom(there, crypto: str) -> bool:
    """Returns whether the modules that a node has loaded lie in the partition."""
    there.run("import sys")
    files = there.ask("[getattr(m, '__file__', '') for m in sys.modules.values()]")
    names = [f"dsoftbus_{name}.mpy" for name in ("core", crypto)]
    found = [file for file in files if file.endswith(tuple(names))]
    return sorted(found) == [f"/rom/lib/{name}" for name in names]


def in_lib(board) -> list[str]:
    return sorted(path.name for path in board.folder.rglob("lib/**/*") if path.is_file())


def talk(board, crypto: str = "kernels") -> None:
    """Lets the board trust a key over the cable, and has bytes echoed in a session with it."""
    secret, data = os.urandom(32), os.urandom(20_000)
    with remote.connected(board.port) as there:
        public = provision.provision(there, BareBus(secret).public, "laptop").public
        assert from_rom(there, crypto)
        there.reset()
    board.wait_for(b"dsoftbus ")

    async def talking():
        async with BareBus(secret) as bus:
            assert await echo(bus, board, public, data) == data

    asyncio.run(asyncio.wait_for(talking(), TIMEOUT_S))


@pytest.mark.parametrize("mapped", [True, False], ids=["memory", "block device"])
def test_a_node_runs_from_the_partition(tmp_path, mapped):
    with Supervisor(with_rom(tmp_path / "board", mapped=mapped), heap=ROM_HEAP) as board:
        done, seen = deploy(board)
        image = romfs.image(UNIX, "x64")
        assert (board.folder / "rom.bin").read_bytes().startswith(image)
        assert seen[-1][:2] == (len(image), len(image)) and len(seen) > 20
        assert [at for at, *_ in seen] == sorted(at for at, *_ in seen)
        assert not in_lib(board) and done == install.Done(2, 0)
        talk(board)
        assert deploy(board) == (install.Done(0, 0), [])


@pytest.mark.parametrize("name", list(boards.every()))
def test_the_node_of_every_board_runs_from_its_image(tmp_path, name):
    known = boards.find(name)
    folder = with_rom(tmp_path / "board", romfs.image(known, "x64"))
    (folder / "main.py").write_bytes(known.main)
    (folder / "config.json").write_bytes(known.config)
    with Supervisor(folder, heap=ROM_HEAP) as board:
        talk(board)
        assert not in_lib(board)


def test_bytecode_alone_runs_from_the_partition(board):
    deploy(board, bytecode=True)
    assert (board.folder / "rom.bin").read_bytes().startswith(romfs.image(UNIX, ""))
    talk(board, "x25519")


def test_copies_in_the_file_system_go_and_what_makes_the_node_stays(tmp_path):
    folder = with_rom(put("unix", tmp_path / "board"))
    (folder / "lib/theirs.py").write_text("")
    with Supervisor(folder, heap="1M") as board:
        with remote.connected(board.port) as there:
            provision.provision(there, BareBus(os.urandom(32)).public, "laptop")
        kept = {name: (folder / name).read_bytes() for name in ("dsoftbus.key", "trust.json")}
        done, _ = deploy(board)
        assert done.removed > 30 and in_lib(board) == ["theirs.py"]
        assert kept == {name: (folder / name).read_bytes() for name in kept}
        talk(board)


class Cut:
    """A power cut when `text` passes to the board for the `count`th time."""

    def __init__(self, board: Supervisor, text: bytes, count: int) -> None:
        self._board = board
        self._text = text
        self._left = count
        self._tail = b""

    def __call__(self, data: bytes) -> bytes:
        self._tail += data
        *found, self._tail = self._tail.split(self._text)
        self._left -= len(found)
        if found and self._left == 0:
            self._board.reset()
        return data


read_until = RawRepl.read_until


def impatient(self, least, ending, timeout=10, **words):
    """Waits 2 s, not 10, for output that no longer comes."""
    return read_until(self, least, ending, min(timeout, 2), **words)


CUTS = [
    *((b"umount('/rom')", 1), (b"vfs.rom_ioctl(3,", 2), (b"vfs.rom_ioctl(4,", 1)),
    *((b"vfs.rom_ioctl(4,", 17), (b"vfs.rom_ioctl(5,", 1)),
    *((b"config.json.new", 2), (b"main.py.new", 2)),
]


@pytest.mark.parametrize(("text", "count"), CUTS)
def test_a_power_cut_leaves_no_node_and_the_next_time_mends_it(board, text, count, monkeypatch):
    older = romfs.image(UNIX, "")
    with_rom(board.folder, older)
    (board.folder / "main.py").write_bytes(UNIX.main)
    board.to_board = Cut(board, text, count)
    with monkeypatch.context() as patch:
        patch.setattr(RawRepl, "read_until", impatient)
        raises("local.bad_state", deploy, board)
    assert not (board.folder / "main.py").exists()
    board.to_board = bytes
    deploy(board)
    talk(board)


def test_what_is_not_as_it_was_written_does_not_start(board, monkeypatch):
    monkeypatch.setattr(remote.Remote, "mpremote", lambda *_, **__: None)
    refused = raises("local.bad_state", deploy, board)
    assert "not as it was written" in str(refused)
    assert not (board.folder / "main.py").exists()


def test_a_partition_too_small_is_refused_and_nothing_is_touched(tmp_path, command):
    folder = with_rom(put("unix", tmp_path / "board"), size=64 * KIB)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with Supervisor(folder, heap=ROM_HEAP) as board:
        said, status = command("romfs", board.port, "--board", "unix")
    assert status == 1 and "the ROM partition has 64" in said.replace("\n", " ")
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert before.items() <= after.items()
    # Of the node that ran meanwhile, and may have been cut off while it wrote its key.
    own = {folder / name for name in ("dsoftbus.key", "dsoftbus.key.new")}
    assert set(after) - set(before) <= own


def test_without_a_partition_it_is_unsupported_and_says_what_to_do(bare, command):
    said, status = command("romfs", bare.port, "--board", "unix")
    assert status == 1 and "local.unsupported" in said and "dsoftbus board install" in said
    assert raises("local.unsupported", deploy, bare).code == UNSUPPORTED
    assert not [*bare.folder.iterdir()]


def test_programs_of_others_are_lost_only_when_told_so(tmp_path, command):
    folder = with_rom(tmp_path / "board", OTHERS)
    with Supervisor(folder, heap=ROM_HEAP) as board:
        said, status = command("romfs", board.port, "--board", "unix")
        assert status == 1 and "(theirs.py)" in said and "--replace" in said
        assert (folder / "rom.bin").read_bytes().startswith(OTHERS)
        assert command("remove", board.port)[1] == 0
        assert (folder / "rom.bin").read_bytes().startswith(OTHERS)
        said, status = command("romfs", board.port, "--board", "unix", "--replace")
        assert status == 0 and "line on the console" in said


def test_the_commands_know_a_node_in_the_partition(board, command):
    assert command("romfs", board.port, "--board", "unix")[1] == 0
    said, status = command("config", board.port, "name=hall")
    assert status == 0 and " hall\n" in said
    said, status = command("install", board.port, "--board", "unix")
    assert status == 1 and "`dsoftbus board romfs` renews it" in said.replace("\n", " ")
    assert command("remove", board.port)[1] == 0
    empty = partition.packed({})
    assert (board.folder / "rom.bin").read_bytes()[:4096] == empty.ljust(4096, b"\0")
    assert not (board.folder / "main.py").exists()


def test_an_image_in_a_file_is_for_whoever_writes_it_themselves(board, tmp_path, command):
    path = tmp_path / "node.romfs"
    said, status = command("image", "unix", str(path))
    assert status == 0 and said == f"{path.stat().st_size} bytes\n"
    assert path.read_bytes() == romfs.image(UNIX, "x64")
    mpremote(board, "romfs", "deploy", str(path))
    assert "ROMFS image size" in mpremote(board, "romfs", "query")
    assert deploy(board)[0] == install.Done(1, 0)  # main.py
    assert command("image", "unix", str(path), "--bytecode")[1] == 0
    assert path.read_bytes() == romfs.image(UNIX, "")
