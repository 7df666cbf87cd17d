"""A node is installed on the board in CI for real, by mpremote, and then spoken to."""

import asyncio
import os
import shutil

import pytest
from click.testing import CliRunner

from board.supervisor import Supervisor
from dsoftbus.errors import BAD_STATE, NOT_PAIRED, LocalError
from dsoftbus_host.bare_bus import BareBus
from dsoftbus_host.board import install, provision, remote
from dsoftbus_host.board.make import boards
from dsoftbus_host.cli.command import main
from portable import TIMEOUT_S
from support import raises


@pytest.fixture
def board(tmp_path):
    with Supervisor(tmp_path, heap="1M") as supervisor:
        yield supervisor


@pytest.fixture
def node(board, image):
    """The board as `put` leaves it."""
    shutil.copytree(image, board.folder, dirs_exist_ok=True)
    return board


def put(board, **options):
    seen = []
    with remote.connected(board.port) as there:
        counts = install.install(
            there, boards.find("unix"), lambda *what: seen.append(what), **options
        )
    return counts, seen


def test_install_writes_what_changed_and_main_last(board):
    (written, removed, _), seen = put(board)
    assert removed == 0 and written == len(install.files_for(boards.find("unix"), "x64")) + 1
    assert seen[-1][0] == seen[-1][1] > 40000
    (board.folder / "lib/dsoftbus_core.mpy").write_bytes(b"damaged")
    (board.folder / "lib/dsoftbus_stale.mpy").write_bytes(b"of an older version")
    assert put(board)[0][:2] == (2, 1)
    assert put(board)[0][:2] == (0, 0)


def test_a_cut_leaves_no_main(node, monkeypatch):
    (node.folder / "lib/dsoftbus_core.mpy").write_bytes(b"damaged")

    def cut(*_):
        raise LocalError(BAD_STATE, "the cable is out")

    monkeypatch.setattr(remote.Remote, "write", cut)
    raises("local.bad_state", put, node)
    assert not (node.folder / "main.py").exists()
    monkeypatch.undo()
    assert put(node)[0][:2] == (2, 0)
    assert (node.folder / "main.py").exists()


async def echo(bus, board, public, data):
    port = bus.open_serial(board.port)
    connection = await port.connect(public)
    async with connection, await connection.open("echo") as stream:
        _, back = await asyncio.gather(stream.write(data), stream.readexactly(len(data)))
    return back


def test_an_installed_and_provisioned_board_is_a_node_after_every_reset(board):
    put(board)
    secret, data = os.urandom(32), os.urandom(30_000)
    with remote.connected(board.port) as there:
        public = provision.provision(there, BareBus(secret).public, "laptop").public
        there.reset()

    async def talk():
        async with BareBus(secret) as bus:
            assert await echo(bus, board, public, data) == data

    for _ in range(2):
        board.wait_for(b"dsoftbus ")
        asyncio.run(asyncio.wait_for(talk(), TIMEOUT_S))
        with remote.connected(board.port) as there:  # the node gives the console back
            assert there.ask("1 + 1") == 2
            there.reset()


def test_a_stranger_may_do_nothing(node):
    with remote.connected(node.port) as there:
        public = provision.provision(there, BareBus(os.urandom(32)).public, "laptop").public
        there.reset()
    node.wait_for(b"dsoftbus ")

    async def talk():
        async with BareBus(os.urandom(32)) as bus:
            await echo(bus, node, public, b"let me in")

    refused = raises("session.end.peer", asyncio.run, asyncio.wait_for(talk(), TIMEOUT_S))
    assert refused.peer_code == NOT_PAIRED


def test_removing_leaves_the_key_and_the_trust(node):
    with remote.connected(node.port) as there:
        provision.provision(there, BareBus(os.urandom(32)).public, "laptop")
        assert install.remove(there) > 30
    left = sorted(path.name for path in node.folder.rglob("*") if path.is_file())
    assert left == ["config.json", "dsoftbus.key", "trust.json"]


def test_removing_all_leaves_what_is_of_others(node):
    theirs = {"app.py", "main.py.before", "dsoftbus.txt", "notes/dsoftbus.key", "lib/theirs.py"}
    (node.folder / "notes").mkdir()
    (node.folder / "trust.json.new").mkdir()  # a folder is no file of a node
    beside = (
        "trust.json.damaged-1",
        "dsoftbus.key.next.new",
        "config.json.damaged",
        "main.py.new",
    )
    for name in (*theirs, *install.KEPT, *beside):
        (node.folder / name).write_text("{}")
    with remote.connected(node.port) as there:
        kept = {*install.KEPT, *beside[:3]}
        assert set(install.kept(there)) == kept
        install.remove(there)
        assert kept <= {path.name for path in node.folder.iterdir()}
        assert install.remove(there, everything=True) == len(kept)
    left = (path for path in node.folder.rglob("*") if path.is_file())
    assert {str(path.relative_to(node.folder)) for path in left} == theirs


def test_the_commands(board, tmp_path_factory):
    files = tmp_path_factory.mktemp("host")
    host = ("--key", str(files / "key"), "--trust", str(files / "trust"))

    def run(*words):
        result = CliRunner().invoke(main, ["board", *words])
        assert result.exit_code == 0, result.output
        return result.output

    assert "rpi_pico_w" in run("list")
    said = run("install", board.port, "--board", "unix")
    assert "0 removed" in said and "calls itself" not in said
    assert '"name": "desk"' in run("config", board.port, "name=desk")
    assert "desk" in run("token", board.port, *host)
    run("run", board.port)
    board.wait_for(b"dsoftbus ")
    assert "dsoftbus " in run("logs", board.port, "--seconds", "0.1", "--restart")
    said = run("remove", board.port)
    assert (
        "files removed" in said and "these stay, until `--all`: config.json, dsoftbus.key" in said
    )
    assert "its identity is gone" in run("remove", board.port, "--all")
    assert not [path for path in board.folder.rglob("*") if path.is_file()]


def test_a_board_of_another_kind_is_named(bare):
    said = CliRunner().invoke(main, ["board", "install", bare.port, "--board", "rpi_pico"]).output
    assert "this board calls itself linux" in said and "of rpi_pico may not fit it" in said
    assert "files written" in said  # who knows better goes on


def updated(folder) -> set[str]:
    """Puts there what updates over the air leave; returns the slots' files."""
    for name in install.RECORDS:
        (folder / name).write_text("1 00000000 {}")
    slots = {
        "app_a/app.py",
        "app_a/pages/deep/x",
        "app_b/manifest.json",
        "lib_a/dsoftbus_core.mpy",
    }
    for name in (*slots, "app_abc/mine.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return slots


def test_what_an_installation_puts_there_runs_and_no_slot(node):
    slots = updated(node.folder)
    with remote.connected(node.port) as there:
        assert install.install(there, boards.find("unix"), lambda *_: None).removed == len(
            install.RECORDS
        )
    assert not [name for name in install.RECORDS if (node.folder / name).exists()]
    assert all((node.folder / name).exists() for name in slots)


def test_removing_takes_the_records_and_removing_all_the_slots(node):
    slots = updated(node.folder)
    with remote.connected(node.port) as there:
        install.remove(there)
        assert not [name for name in install.RECORDS if (node.folder / name).exists()]
        assert all((node.folder / name).exists() for name in slots)
        install.remove(there, everything=True)
    assert {path.name for path in node.folder.iterdir()} == {"lib", "app_abc"}
