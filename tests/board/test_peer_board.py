"""`dsoftbus board --peer`: files, runs and the console of a board over the bus."""

import asyncio
import json
import os

import pytest
from click.testing import CliRunner

from board.owned import BOARD, OWNER, own
from board.supervisor import Supervisor
from dsoftbus.base.key_file import encode_secret
from dsoftbus.errors import LocalError
from dsoftbus_host import BareBus
from dsoftbus_host.address import Address
from dsoftbus_host.board import files, peer_remote
from dsoftbus_host.cli.board.prompt import Prompt, is_begun
from dsoftbus_host.cli.command import main
from dsoftbus_host.cli.reach import Place, lasting
from free_ports import free_port

HEAP = "2M"
RESETS = """
import os

def reset():
    os.system("kill -9 $PPID")
"""


@pytest.fixture
def place(tmp_path):
    (tmp_path / "key").write_bytes(encode_secret(OWNER))
    os.chmod(tmp_path / "key", 0o600)
    return Place(tmp_path / "key", tmp_path / "trust", (), None, (), (), None)


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def flash(flash, port):
    own(flash, "allow in console", "allow in logs", console=True, logs=True, port=port)
    (flash / "lib" / "machine.py").write_text(RESETS)
    return flash


@pytest.fixture
def board(flash):
    with Supervisor(flash, heap=HEAP) as supervisor:
        supervisor.wait_for(b"started")
        yield supervisor


def address(board) -> str:
    port = json.loads((board.folder / "config.json").read_text())["port"]
    return str(Address(BareBus(BOARD).public, "127.0.0.1", port))


def there(board, place):
    return peer_remote.connected(lasting(place, address(board)))


def quiet(*_args):
    pass


def test_files_there_and_back(board, place, tmp_path):
    data = os.urandom(5000)
    source = tmp_path / "data.bin"
    source.write_bytes(data)
    with there(board, place) as remote:
        done = files.put(remote, {"notes/data.bin": source}, quiet)
        assert done == files.Put(1, 0)
        assert (board.folder / "notes" / "data.bin").read_bytes() == data
        assert files.put(remote, {"notes/data.bin": source}, quiet) == files.Put(0, 1)
        assert remote.fetch("notes/data.bin", quiet) == data
        assert remote.read("nothing.txt") is None
        listed = {entry.name: entry.size for entry in remote.entries("notes")}
        assert listed == {"data.bin": 5000}
        assert files.remove(remote, ["notes"], folders=True) == 1
        assert not (board.folder / "notes").exists()
        assert remote.room is not None and remote.machine[0] == "linux"


def test_errors_are_the_boards_own_words(board, place):
    with there(board, place) as remote:
        with pytest.raises(LocalError, match="nothing_there"):
            remote.run("import nothing_there")
        with pytest.raises(LocalError, match="the source is longer"):
            remote.run("#" * 5000)
        assert remote.run("print('goes on')") == "goes on\n"


def test_a_put_that_is_cut_leaves_the_old_file_whole(board, place):
    old = b"old" * 1000
    (board.folder / "app.txt").write_bytes(old)
    sent = []

    def cut(done):
        sent.append(done)
        if len(sent) == 4:
            board.reset()  # a power cut

    with pytest.raises(LocalError), there(board, place) as remote:
        remote.write("app.txt", os.urandom(20000), cut)
    assert len(sent) < 19
    assert (board.folder / "app.txt").read_bytes() == old
    board.wait_for(b"started")
    with there(board, place) as remote:
        remote.write("app.txt", b"new")
    assert (board.folder / "app.txt").read_bytes() == b"new"
    assert not (board.folder / "app.txt.new").exists()


def test_a_file_that_arrives_as_another_is_not_put_in_place(board, place):
    (board.folder / "app.txt").write_bytes(b"old")
    with there(board, place) as remote:
        whole = remote.transport.run
        remote.transport.run = lambda source, data=b"": whole(source, data[:-1] if data else data)
        with pytest.raises(LocalError, match="did not arrive as it was sent"):
            remote.write("app.txt", b"new one")
    assert (board.folder / "app.txt").read_bytes() == b"old"


def test_a_restart_shows_the_start(board, place):
    starts = board.starts
    with there(board, place) as remote:
        said = remote.start()
        assert remote.run("print(1)") == "1\n"  # in the next session
    assert board.starts == starts + 1
    assert said.splitlines()[0].startswith("dsoftbus ") and said.endswith("started")


def test_a_restart_without_a_log_says_where_it_would_be(flash, place):
    own(flash, "allow in console", console=True, logs=True)
    with Supervisor(flash, heap=HEAP) as board:
        board.wait_for(b"started")
        with there(board, place) as remote:
            said = remote.start()
    assert said.startswith("dsoftbus ") and "keeps a log" in said


def test_without_the_right_or_the_setting_it_says_what_is_to_be_done(flash, place):
    own(flash, "allow both *", console=True)
    with Supervisor(flash, heap=HEAP) as board:
        board.wait_for(b"started")
        with pytest.raises(LocalError, match="allow in console"), there(board, place) as remote:
            remote.run("1")
        own(flash, "allow both console", console=False)
        board.reset()
        board.wait_for(b"started")
        with pytest.raises(LocalError, match='"console": true'), there(board, place) as remote:
            remote.run("1")


class Typing:
    """A person at the prompt: what is typed, and what interrupts."""

    def __init__(self, *lines):
        self.lines = list(lines)
        self.prompts = []

    def __call__(self, prompt):
        self.prompts.append(prompt)
        if not self.lines:
            raise EOFError
        line = self.lines.pop(0)
        if isinstance(line, type):
            raise line
        return line


def test_the_prompt(board, place, capsys):
    typing = Typing(
        "x = 20",
        "x + 1",
        "for n in range(2):",
        "    print('n', n)",
        "",
        "print('taken back'",
        KeyboardInterrupt,
        "no_such_name",
        "#" * 5000,
        r"print('\x1b[8mhidden')",
        "",
    )
    with there(board, place) as remote:
        Prompt(remote.transport, "attic> ", typing).run()
    said = capsys.readouterr()
    assert said.out.splitlines()[:3] == ["21", "n 0", "n 1"]
    assert r"\u001b[8mhidden" in said.out and "taken back" not in said.out
    assert "given up" in said.err and "NameError" in said.err and "is longer" in said.err
    assert typing.prompts[2:5] == ["attic> ", "... ", "... "]


def test_what_waits_is_given_up(board, place):
    """As Ctrl-C does it, which interrupts the wait for an answer."""
    with there(board, place) as remote:
        remote.run("import asyncio\n")
        transport = remote.transport

        async def given_up():
            task = asyncio.ensure_future(transport._run("asyncio.sleep(1000)", b""))
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.wait([task])

        transport._loop.run(given_up())
        assert remote.run("print(1)") == "1\n"


def test_a_line_that_goes_on():
    for source in ("if x:", "f(1,", "'''a", "def f():\n    x = 1", "x = [", "@f"):
        assert is_begun(source), source
    for source in ("x", "x = 1", "if x:\n    y\n", "1 +", "x = = 1", ")", "", "\0"):
        assert not is_begun(source), source


def test_the_commands(board, place, tmp_path, command):
    at = ("--peer", address(board), "--key", str(place.key_path))
    own_file, into = tmp_path / "settings.json", tmp_path / "into"
    own_file.write_text(json.dumps({"a": 1}))
    into.mkdir()
    said, status = command("put", *at, str(own_file))
    assert status == 0 and "1 file written, 0 already there" in said and "started" in said
    said, status = command("ls", *at)
    assert status == 0 and "settings.json" in said and "KiB are free" in said
    said, status = command("get", *at, "settings.json", str(into))
    assert status == 0 and (into / "settings.json").read_text() == own_file.read_text()
    said, status = command("rm", *at, "settings.json")
    assert status == 0 and "1 files removed" in said
    said, status = command("rm", *at, "trust.json")
    assert status == 1 and "is of the node on the board" in said
    words = ["board", "console", *at, "--trust", str(place.trust_path)]
    result = CliRunner().invoke(main, words, input="1 + 1\nbus.id\n")
    assert result.exit_code == 0 and "2\n" in result.output
    assert BareBus(BOARD).id in result.output
    said, status = command("put", *at, "--watch", str(own_file))
    assert status == 2 and "--watch" in said
    said, status = command("put", str(own_file))
    assert status == 2  # neither a port nor a peer


def test_the_heap_of_a_board_is_as_it_was(board, place):
    """Consoles that come and go, too much output, errors, names and files leave nothing."""

    def used(remote) -> int:
        remote.run("import gc\n")
        return int(remote.run("gc.collect()\nprint(gc.mem_alloc())")[:-1])

    def work(remote) -> None:
        remote.run("big = bytes(20000)\n")
        remote.run("for n in range(200):\n    bus.log('info', 'x' * n)\n")
        for source in (
            "while True:\n    print('x' * 100)\n",
            "bytes(1 << 30)",
            "no_such_name",
            "(",
        ):
            with pytest.raises(LocalError):
                remote.run(source)
        remote.write("a.bin", bytes(3000))

    figures = []
    for _ in range(9):
        with there(board, place) as remote:
            figures.append(used(remote))
            work(remote)
    # Code comes for a while and goes, 45 KB of it, not in each round; a session's names would be
    # 20 KB a round.
    assert min(figures[3:]) <= max(figures[:3]) + 4096, figures


def test_two_consoles_at_once(board, place):
    """One of them prints without end, and is cut; the other goes on with its own names."""
    with there(board, place) as one:
        one.run("x = 'one'\n")
        with there(board, place) as other:
            other.run("x = 'other'\n")
            with pytest.raises(LocalError, match="more output than"):
                other.run("while True:\n    print(x)\n")
            assert one.run("x") == "'one'\n" and other.run("x") == "'other'\n"
        assert one.run("x") == "'one'\n"
