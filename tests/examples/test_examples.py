"""Every program of examples/, as its user starts it: processes, and a board behind a port."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from board.conftest import HEAP, put
from board.supervisor import Supervisor
from command import quick_command
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import BareBus, key_file
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from nodes import digest, environment, make_file
from nodes import run as board_command
from portable import PYTHON_PATH, ROOT, TIMEOUT_S, micropython
from updated_boards import trusted
from updated_processes import ProcessBoard

EXAMPLES = ROOT / "examples"
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


class Host:
    """A user of a machine, with a home, and so with a node of its own."""

    def __init__(self, home: Path) -> None:
        self.environment = {**os.environ, "HOME": str(home), "PYTHONPATH": PYTHON_PATH}
        self.environment["XDG_CONFIG_HOME"] = str(home)
        self.key = BareBus(key_file.load_or_make(home / "dsoftbus" / "node.key")).public.hex()
        self.trust = home / "dsoftbus" / "trust.json"

    def command(self, program: str, *words: object) -> list:
        return [sys.executable, "-W", "error", EXAMPLES / program, *map(str, words)]

    def run(self, program: str, *words: object) -> str:
        """The program to its end, which has to be a good one; what it printed."""
        return output(self.command(program, *words), env=self.environment)

    def start(self, program: str, *words: object) -> "Running":
        return Running(self.command(program, *words), env=self.environment)

    def dsoftbus(self, *words: str, **more: str) -> str:
        return output([*quick_command(), *words], env=self.environment, **more)

    def start_command(self, *words: str) -> "Running":
        return Running([*quick_command(), *words], env=self.environment)

    def stays_on_loopback(self, discovery: int) -> None:
        """Configured by its settings."""
        settings = {"host": "127.0.0.1", "interfaces": ["127.0.0.1/8"], "discovery": discovery}
        folder = Path(self.environment["XDG_CONFIG_HOME"]) / "dsoftbus"
        (folder / "config.json").write_text(json.dumps(settings))


class Running:
    """A program that goes on until it is ended; `words` are those of the first line it printed."""

    def __init__(self, command: list, **more: object) -> None:
        self._command = command
        self._more = more

    def __enter__(self) -> "Running":
        self.process = subprocess.Popen(self._command, **PIPES, **self._more)
        self.words = self.line().split()
        return self

    def line(self) -> str:
        """The next that is not empty."""
        line = "\n"
        while line and not line.strip():
            line = self.process.stdout.readline()
        assert line, self.process.communicate()
        return line.strip()

    def until(self, *lines: str) -> None:
        """Reads up to each of these, one after the other."""
        for line in lines:
            while self.line() != line:
                pass

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=TIMEOUT_S)


def output(command: list, **more: object) -> str:
    done = subprocess.run(command, **PIPES, **more, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture
def host(tmp_path):
    """`host(name)`: a host of that name."""
    return lambda name: Host(tmp_path / name)


@pytest.fixture
def flash(tmp_path):
    """`flash(program, settings)`: the folder of a board that has the program and settings.py."""

    def made(program: str, **settings: object) -> Path:
        folder = tmp_path / "flash"
        folder.mkdir(exist_ok=True)
        shutil.copy(EXAMPLES / program, folder)
        lines = (f"{name} = {value!r}\n" for name, value in settings.items())
        (folder / "settings.py").write_text("".join(lines))
        return folder

    return made


def on_board(folder: Path, program: str) -> dict:
    """Arguments of a process that is a board with this program."""
    path = f"{folder}:{environment()['MICROPYPATH']}"
    command = [*micropython(), "-X", "heapsize=2M", program]
    return {"command": command, "cwd": folder, "env": {**os.environ, "MICROPYPATH": path}}


def pair(one: Host, other: Host, *grants: str) -> None:
    """By an invitation, as people do it with two commands."""
    with one.start_command("pair", "--token", *grants) as inviting:
        words = inviting.words
        while not words[0].startswith("dsoftbus:"):
            words = inviting.line().split()
        other.dsoftbus("pair", "-", *grants, input=words[0] + "\n")
        assert inviting.process.wait(TIMEOUT_S) == 0


def test_two_hosts(host):
    greenhouse, desk = host("greenhouse"), host("desk")
    discovery = free_port()
    greenhouse.stays_on_loopback(discovery)
    desk.stays_on_loopback(discovery)
    pair(greenhouse, desk, "--grant", "allow both temperature")
    with greenhouse.start("two_hosts/greenhouse.py") as serving:
        assert desk.run("two_hosts/desk.py") == "temperature 21.5\n"
        assert serving.line() == "asked by desk"


def test_a_host_that_is_not_paired(host):
    stranger = host("stranger")
    stranger.stays_on_loopback(free_port())
    command = stranger.command("two_hosts/desk.py", "0")
    done = subprocess.run(
        command, **PIPES, env=stranger.environment, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("no answer: ") and "Traceback" not in done.stderr


def test_a_light_and_a_sensor(host, tmp_path):
    """Both on one board, one after the other, as `dsoftbus board put` puts them there."""
    laptop, folder = host("laptop"), tmp_path / "board"
    put("unix", folder)
    shutil.copy(Path(__file__).with_name("machine.py"), folder / "lib")
    grants = ("--grant", "allow both light", "--grant", "allow both temperature")
    with Supervisor(folder, heap=HEAP) as board:
        said = laptop.dsoftbus("board", "token", board.port, *grants)
        key = next(word for word in said.split() if len(word) == len(laptop.key))
        laptop.dsoftbus("board", "put", board.port, str(EXAMPLES / "host_and_board/app.py"))
        for state, pin in (("on", "1"), ("off", "0")):
            answer = laptop.run("host_and_board/switch.py", board.port, key, state)
            assert answer == f"light {state}\n" and (folder / "pin").read_text() == pin
        laptop.dsoftbus("board", "put", board.port, str(EXAMPLES / "sensor/app.py"))
        assert laptop.run("sensor/ask.py", board.port, key) == "temperature 27.6\n"


def test_sensors_and_a_hub(host):
    """A sensor that is warm is cooled; one that starts again is missed, and comes back."""
    hub, attic, cellar = host("hub"), host("attic"), host("cellar")
    discovery = free_port()
    for each in (hub, attic, cellar):
        each.stays_on_loopback(discovery)
    acquaint(hub, attic=attic, cellar=cellar)
    with hub.start("sensors_and_hub/hub.py") as showing:
        with attic.start("sensors_and_hub/sensor.py", "attic", "28"):
            showing.until("attic is here", "attic 28.0", "attic fan: on", "attic 23.0")
            with cellar.start("sensors_and_hub/sensor.py", "cellar", "18"):
                showing.until("cellar is here", "cellar 18.0")
        showing.until("attic left: session.end.peer: the peer says session.end.local")
        with attic.start("sensors_and_hub/sensor.py", "attic"):
            showing.until("attic is here", "attic 21.5")


def test_a_light_and_a_button(host, tmp_path):
    """On a board, as `dsoftbus board install` and `put` leave it, and beside it on a host."""
    laptop, folder = host("laptop"), put("unix", tmp_path / "board")
    discovery = free_port()
    laptop.stays_on_loopback(discovery)
    network = {"host": "127.0.0.1", "broadcast": "127.255.255.255", "discovery": discovery}
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **network, "name": "lamp"}))
    shutil.copy(Path(__file__).with_name("machine.py"), folder / "lib")
    shutil.copy(EXAMPLES / "light_and_button/app.py", folder)
    with Supervisor(folder, heap=HEAP) as board:
        laptop.dsoftbus("board", "token", board.port)
        pressed = laptop.command("light_and_button/button.py", board.port, "lamp")
        said = output(pressed, env=laptop.environment, input="\n\n")
        assert said.splitlines() == ["the light is off", "the light is on", "the light is off"]
        assert (folder / "pin").read_text() == "0"


def test_over_the_air(host, tmp_path):
    """On a board in a process, which starts again, by the version that the folder says: it has
    over_the_air/clock_face/app.py and over_the_air/clock_face/face.py."""
    laptop, discovery = host("laptop"), free_port()
    laptop.stays_on_loopback(discovery)
    public, folder = bytes.fromhex(laptop.key), tmp_path / "clock_face"
    folder.mkdir()
    for program in ("over_the_air/clock_face/app.py", "over_the_air/clock_face/face.py"):
        shutil.copy(EXAMPLES / program, folder)
    shutil.copy(EXAMPLES / "over_the_air/clock_face/version.txt", folder)
    image = put("unix", tmp_path / "image")
    with ProcessBoard(image, tmp_path / "board", 0, public, discovery) as board:
        trusted(laptop.trust, [board])
        said = laptop.dsoftbus("update", board.name, folder)
        assert said.splitlines()[-1] == "real00  updated  root -> 1.0"
        assert json.loads(laptop.dsoftbus("call", board.name, "face", "2")) == "||" + 22 * "."
        text = (folder / "face.py").read_text().replace('"|"', '"#"')
        (folder / "face.py").write_text(text)
        (folder / "version.txt").write_text("1.1\n")
        laptop.dsoftbus("update", board.name, folder)
        assert json.loads(laptop.dsoftbus("call", board.name, "face", "2"))[:3] == "##."


def test_files(host, flash, tmp_path):
    desk = host("desk")
    folder = flash("files/shelf.py", HOST="127.0.0.1", PORT=0, PEER=bytes.fromhex(desk.key))
    path, back = make_file(tmp_path / "photo.jpg", 100_000), tmp_path / "back"
    back.mkdir()
    with Running(**on_board(folder, "shelf.py")) as shelf:
        _, port, key = shelf.words
        said = desk.run("files/there_and_back.py", "127.0.0.1", port, key, path, back)
    assert said == f"the same {digest(path).hex()}\n"
    assert digest(back / path.name) == digest(folder / "shelf" / path.name) == digest(path)


def test_a_bare_loop(host, flash):
    """The board's first start finds nobody, and shows its key; the next one is let in."""
    hub = host("hub")
    of_hub = {"HOST": "127.0.0.1", "HUB": bytes.fromhex(hub.key)}
    folder = flash("bare_loop/board.py", PORT=1, **of_hub)
    first = output(**on_board(folder, "board.py")).split()
    with hub.start("bare_loop/hub.py", "127.0.0.1", 0, first[1]) as serving:
        flash("bare_loop/board.py", PORT=int(serving.words[1]), **of_hub)
        said = output(**on_board(folder, "board.py"))
        assert serving.line() == "sensor temperature 21.5"
    assert said.split()[1] == first[1]  # its key is the same at every start
    assert first[-1] != said.split()[-1]


def test_services_in_a_bare_loop(host, flash):
    hub = host("hub")
    of_hub = {"HOST": "127.0.0.1", "HUB": bytes.fromhex(hub.key)}
    folder = flash("bare_services/board.py", PORT=1, **of_hub)
    key = output(**on_board(folder, "board.py")).split()[1]
    with hub.start("bare_services/hub.py", "127.0.0.1", 0, key) as serving:
        flash("bare_services/board.py", PORT=int(serving.words[1]), **of_hub)
        with Running(**on_board(folder, "board.py")):
            assert serving.line() == "light 21.5 degrees, light on"


def test_a_clock(host, flash):
    """The first start shows the board's key, and the host lets it in then."""
    hub = host("hub")
    of_hub = {"HOST": "127.0.0.1", "HUB": bytes.fromhex(hub.key)}
    folder = flash("clock/board.py", PORT=1, **of_hub)
    shutil.copy(Path(__file__).with_name("machine.py"), folder)
    with Running(**on_board(folder, "board.py")) as board:
        key = board.words[1]
        assert "session.end.link_down" in board.line()  # nobody is there yet
    serve = ("serve", "--host", "127.0.0.1", "--port", "0", "--allow", key)
    with hub.start_command(*serve) as serving:
        flash("clock/board.py", PORT=int(serving.line().rpartition(":")[2]), **of_hub)
        before = datetime.now(timezone.utc)
        with Running(**on_board(folder, "board.py")) as board:
            assert board.words == ["key", key]
            assert board.line().endswith(" UTC")
    date, _weekday, time, fraction = (folder / "clock").read_text().split()
    found = datetime.fromisoformat(f"{date} {time}+00:00")
    assert abs((found - before).total_seconds()) < TIMEOUT_S
    assert fraction == "0"


# The page of a board's programs


def printed(page: str, word: str) -> str:
    """The program with this word in it, as the page has it."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)
    return next(block for block in blocks if word in block)


def paired(path: Path, key: str, name: str, rule: str = "allow both temperature") -> None:
    """Does to the trust store as `dsoftbus pair --grant RULE`."""
    file = StoreFile(path)
    file.store.add(Entry(bytes.fromhex(key), name, [grant(rule)]))
    file.save()


def acquaint(one: Host, **others: Host) -> None:
    """Pairs `one` with each of the others, by its name."""
    for name, other in others.items():
        paired(one.trust, other.key, name, "allow both *")
        paired(other.trust, one.key, "hub", "allow both *")


def test_a_board_s_program_answers_the_desk(tmp_path):
    board, desk = tmp_path / "board", Host(tmp_path / "desk")
    discovery = free_port()
    desk.stays_on_loopback(discovery)
    board.mkdir()
    own = {"host": "127.0.0.1", "broadcast": "127.255.255.255", "discovery": discovery}
    settings = {**own, "port": discovery + 10000, "serial": ""}
    (board / "config.json").write_text(json.dumps(settings))
    key = board_command("id", "--key", board / "dsoftbus.key").stdout.split()[1]
    paired(board / "trust.json", desk.key, "desk")
    paired(tmp_path / "desk/dsoftbus/trust.json", key, "greenhouse")
    (board / "main.py").write_text(printed("docs/micropython.md", 'Bus("greenhouse")'))
    with Running(**on_board(board, "main.py")):
        assert desk.run("two_hosts/desk.py") == "temperature 21.5\n"


def test_every_example_is_run():
    """No program lies in examples/ that none of the tests here names."""
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    programs = [file.relative_to(EXAMPLES).as_posix() for file in EXAMPLES.rglob("*.py")]
    assert programs and [name for name in programs if name not in tests] == []
