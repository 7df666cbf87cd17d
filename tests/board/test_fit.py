"""A node that does not fit its board is refused before anything is written there, in plain words:
boards of several sizes, as processes with so much heap, and what they say of themselves."""

import asyncio
import json
import os
import re
import shutil

import pytest

from board.conftest import HEAP
from board.supervisor import Supervisor
from board.test_install import echo
from board.test_romfs import ROM, ROM_HEAP, with_rom
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import fit, install, provision, remote
from dsoftbus_host.board.make import boards, compiler
from dsoftbus_host.board.make.slices import BOARDS
from portable import TIMEOUT_S

KIB = 1024
STEPS = ("idle", "session", "handshake", "transfer")
NONSENSE = """
import gc, sys

class Odd:
    collect = gc.collect
    threshold = gc.threshold
    mem_free = gc.mem_free
    mem_alloc = lambda: {said}

sys.modules["gc"] = Odd
"""
FLASH = """
import os, sys

class Flash:
    statvfs = lambda path: {said}

for name in dir(os):
    setattr(Flash, name, getattr(Flash, name, getattr(os, name)))
sys.modules["os"] = Flash
"""
OVERHEAD = 8 * KIB  # of the unix port's heap, which is no board's
THEIRS = "print('theirs')\n"


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """The folders of boards, as a copy in which nobody has measured anything."""
    copy = tmp_path / "boards"
    shutil.copytree(BOARDS, copy, ignore=shutil.ignore_patterns("memory.json", "__pycache__"))
    monkeypatch.setattr(boards, "BOARDS", copy)
    boards.every.cache_clear()
    yield copy
    boards.every.cache_clear()


def measured(folders, name: str, heap: tuple, rom: tuple = (1, 2, 3, 4)) -> None:
    """Has it that the node of this board takes so many bytes of a 64-bit heap."""
    kinds = {"heap": heap, "rom": rom}
    held = {
        kind: {step: int(n / fit.WIDE) for step, n in zip(STEPS, sizes, strict=True)}
        for kind, sizes in kinds.items()
    }
    (folders / name / "memory.json").write_text(json.dumps(held))


def flat(said: str) -> str:
    return " ".join(said.split())


def files_of(board) -> dict:
    found = (path for path in board.folder.rglob("*") if path.is_file())
    return {str(path.relative_to(board.folder)): path.read_bytes() for path in found}


def test_what_fits_is_said_in_one_line(stocked, folders, command):
    measured(folders, "unix", (150_000, 160_000, 170_000, 200_000))
    said, status = command("install", stocked.port, "--board", "unix")
    lines = [line for line in said.splitlines() if line.startswith("heap: ")]
    assert status == 0 and "tight" not in said and "--force" not in said
    (line,) = lines
    free, whole = map(int, re.match(r"heap: (\d+) of (\d+) KiB are free; ", line).groups())
    assert 300 < free < whole <= 320
    assert line.endswith("the node takes 147 at rest, 157 with a session, 196 at most")
    assert "line on the console" in said


def test_what_is_tight_is_installed_with_a_warning(stocked, folders, command):
    measured(
        folders, "unix", (150_000, 160_000, 170_000, 300_000), (70_000, 80_000, 85_000, 90_000)
    )
    said, status = command("install", stocked.port, "--board", "unix")
    assert status == 0 and "line on the console" in said
    told = flat(said)
    assert "that is tight, and may be too little under load: `--without` can leave out" in told
    assert "lets its code run from flash, where the node takes 69 at rest, 79 with a" in told
    assert "romfs" not in told  # the board has no partition


def test_what_is_said_to_fit_runs(tmp_path, command):
    """By the figures as they are measured, in a heap that is just large enough for them."""
    takes = fit._measured(boards.find("rpi_pico"), rom=False)
    heap = int(max(takes) * fit.WIDE * fit.SPARE / (fit.SPARE - 1)) + OVERHEAD
    with Supervisor(tmp_path, heap=str(heap)) as board:
        said, status = command("install", board.port, "--board", "rpi_pico")
        assert status == 0 and "at most" in said and "tight" not in said
        secret, data = os.urandom(32), os.urandom(20_000)
        with remote.connected(board.port) as there:
            public = provision.provision(there, BareBus(secret).public, "laptop").public
            there.reset()
        board.wait_for(b"started")

        async def talk():
            async with BareBus(secret) as bus:
                assert await echo(bus, board, public, data) == data

        asyncio.run(asyncio.wait_for(talk(), TIMEOUT_S))


@pytest.mark.parametrize("step", ["session", "handshake"])
def test_what_cannot_run_is_refused_and_nothing_is_touched(bare, folders, command, step):
    (bare.folder / "main.py").write_text(THEIRS)
    sizes = {"idle": 1000, "session": 1000, "handshake": 1000, "transfer": 1000, step: 400 * KIB}
    measured(folders, "unix", tuple(sizes.values()))
    said, status = command("install", bare.port, "--board", "unix")
    assert (
        status == 1
        and "local.bad_state" in said
        and files_of(bare) == {"main.py": THEIRS.encode()}
    )
    told = flat(said)
    assert "KiB are free; the node takes 1 at rest" in told
    assert "no session would come to be; `--without` can leave out line-discovery (" in told
    for name, freed in re.findall(r"([\w-]+) \((\d+) bytes\)", told):
        left = dict(compiler.files(boards.find("unix").without((name,)).slices, ""))
        gone = dict(compiler.files(boards.find("unix").slices, "")).keys() - left.keys()
        assert int(freed) > 200 and any(path.startswith("dsoftbus_") for path in gone)
    assert "files (" not in told  # a start does not load it
    assert told.endswith("`--force` installs it all the same (local.bad_state)")


def test_force_installs_what_may_not_run(bare, folders, command):
    measured(folders, "unix", (400_000,) * 4)
    said, status = command("install", bare.port, "--board", "unix", "--force")
    assert status == 0 and "no session would come to be" in flat(said)
    assert "line on the console" in said  # this time the figures were wrong


def test_what_nobody_has_measured_is_said_and_installed(stocked, folders, command):
    said, status = command("install", stocked.port, "--board", "unix")
    assert status == 0 and "KiB are free; nobody has measured what this node takes\n" in said


@pytest.mark.parametrize(
    "said",
    [
        *("'\\x1b]52;c;ZQ==\\x07\\x1b[2J'", "-1", "1.5", "None", "True", "[]", "10 ** 30"),
        *("(1, 2)", "1 // 0", "print('0, 0, 0)\\n(1')"),
    ],
)
def test_what_a_board_says_of_its_heap_is_data(tmp_path, said):
    (tmp_path / "boot.py").write_text(NONSENSE.format(said=said))
    with Supervisor(tmp_path, heap=HEAP) as board, remote.connected(board.port) as there:
        assert there.heap is None


def test_nonsense_keeps_no_node_from_its_board(stocked, folders, command):
    measured(folders, "unix", (150_000, 160_000, 170_000, 200_000))
    (stocked.folder / "boot.py").write_text(NONSENSE.format(said="'\\x1b[2J'"))
    said, status = command("install", stocked.port, "--board", "unix")
    assert status == 0 and "\x1b" not in said
    assert "heap: the board does not report its heap; the node takes 102 at rest" in said


# The flash


def needed(name: str, block: int) -> int:
    """Blocks for an installation on an empty board, with the largest file twice for a moment."""
    files = install.files_for(boards.find(name), "x64").values()
    blocks = [-(-len(data) // block) for data in files]
    return sum(blocks) + max(blocks)


@pytest.mark.parametrize("spare", [-1, 0])
def test_one_block_short_is_refused_and_the_last_one_is_enough(tmp_path, command, spare):
    block = 4096
    free = needed("pybv11", block) + spare
    (tmp_path / "boot.py").write_text(FLASH.format(said=(block, block, 1000, free)))
    with Supervisor(tmp_path, heap=HEAP) as board:
        said, status = command("install", board.port, "--board", "pybv11", "--force")
        there = set(files_of(board))
    told = flat(said)
    if not spare:
        assert status == 0 and "main.py" in there
        return
    assert status == 1 and there == {"boot.py"}
    need = needed("pybv11", block) * block // KIB
    assert f"has room for {need - 4} KiB more, and this takes {need} KiB" in told
    names = int(re.search(r"names \((\d+) bytes\)", told)[1])
    whole, less = boards.find("pybv11"), boards.find("pybv11").without(("names",))
    sizes = [
        sum(-(-len(data) // block) * block for data in install.files_for(known, "x64").values())
        for known in (whole, less)
    ]
    assert names == sizes[0] - sizes[1] > 0


@pytest.mark.parametrize("said", ["None", "(0, 0, 0, 0)", "'full'", "(4096, 4096)", "(4096,) * 3"])
def test_what_a_board_says_of_its_flash_is_data(tmp_path, said):
    (tmp_path / "boot.py").write_text(FLASH.format(said=said))
    with Supervisor(tmp_path, heap=HEAP) as board, remote.connected(board.port) as there:
        assert there.room is None


# Other ways


@pytest.fixture
def for_flash_alone(folders):
    """A board whose folder says that its node does not run from files."""
    profile = folders / "pybv11" / "profile.py"
    profile.write_text(profile.read_text() + "\nFROM_FILES = False\n")
    boards.every.cache_clear()


def test_a_board_for_flash_alone_is_refused_before_its_port_is_opened(for_flash_alone, command):
    said, status = command("install", "/nowhere", "--board", "pybv11")
    told = flat(said)
    assert status == 1 and "local.unsupported" in said and "no such port" not in told
    assert "`dsoftbus board romfs` puts it into the ROM partition" in told
    assert "boards/pybv11/manifest.py freezes it into one" in told
    said, status = command("install", "/nowhere", "--board", "pybv11", "--force")
    assert status == 1 and "no such port" in flat(said)


def test_such_a_board_takes_its_node_into_its_partition(tmp_path, for_flash_alone, command):
    with Supervisor(with_rom(tmp_path / "board"), heap=ROM_HEAP) as board:
        said, status = command("romfs", board.port, "--board", "pybv11")
        assert status == 0 and "line on the console" in said
        assert "this board calls itself linux" in flat(said) and "of pybv11 may not" in flat(said)


def test_the_partition_that_a_board_has_is_a_way(tmp_path, folders, command):
    measured(folders, "unix", (400_000,) * 4, (100_000, 110_000, 120_000, 130_000))
    with Supervisor(with_rom(tmp_path / "board"), heap=ROM_HEAP) as board:
        said, status = command("install", board.port, "--board", "unix")
        told = flat(said)
        assert status == 1
        assert (
            "`dsoftbus board romfs` lets its code run from flash, where the node takes 98" in told
        )
        said, status = command("romfs", board.port, "--board", "unix")
        assert status == 0 and "the node takes 98 at rest" in said and "tight" not in said


def test_a_partition_helps_no_node_whose_data_do_not_fit(tmp_path, folders, command):
    code = fit.machine_code(boards.find("unix"))
    with Supervisor(with_rom(tmp_path / "board"), heap=ROM_HEAP) as board:
        with remote.connected(board.port) as there:
            free = there.heap.free
        measured(folders, "unix", (1,) * 4, (free - KIB + int(code * fit.WIDE),) * 4)
        said, status = command("romfs", board.port, "--board", "unix")
        assert status == 1 and f"`--bytecode` leaves out {code} bytes" in flat(said)
        assert (board.folder / "rom.bin").read_bytes() == b"\xff" * ROM
        said, status = command("romfs", board.port, "--board", "unix", "--bytecode")
        assert status == 0 and "that is tight" in flat(said)


SPARED = [
    ("rpi_pico", ("line-discovery", "watchdog", "files", "names")),
    ("unix", ("discovery", "udp", "wifi")),
    ("unix", ("tcp",)),
]


@pytest.mark.parametrize(("name", "spared"), SPARED)
def test_a_node_runs_without_what_it_can_do_without(bare, command, name, spared):
    options = [word for spare in spared for word in ("--without", spare)]
    said, status = command("install", bare.port, "--board", name, *options)
    assert status == 0 and "line on the console" in said and "failed: serial" not in said
    assert ("failed: discovery ImportError" in said) == ("line-discovery" in spared)
    for spare in spared:
        assert not (bare.folder / f"lib/{compiler.unit(spare)}.mpy").exists()


def test_without_a_slice_less_is_asked_for(bare, folders, command):
    least = (300 * KIB,) * 4
    measured(folders, "unix", least)
    known = boards.find("unix")
    less = fit._takes(fit.Plan(known.without(("line-discovery", "udp")), False, False), None)
    code = sum(
        compiler.code_bytes(name)
        for name in ("line-discovery", "line-announcements", "udp", "udp-socket", "congestion")
    )
    assert fit._takes(fit.Plan(known, False, False), None).session - less.session == code


def test_a_slice_that_a_node_needs_is_not_left_out(command):
    for name in ("board", "nonsense", "core"):
        said, status = command("install", "/nowhere", "--board", "rpi_pico", "--without", name)
        assert status == 1 and "local.bad_argument" in said
        assert f"{name}: rpi_pico can do without line-discovery, files, watchdog, names" in flat(
            said
        )
