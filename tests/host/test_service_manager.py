"""`dsoftbus serve` under a service manager: what it tells it, and the unit that starts it so."""

import configparser
import os
import shutil
import signal
import socket
import subprocess

import pytest

from command import quick_command
from commands import clean, environment
from portable import ROOT, TIMEOUT_S

UNIT = ROOT / "examples" / "systemd" / "dsoftbus.service"
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


class Manager:
    """It starts a service as systemd does, without a terminal, and hears of its state."""

    def __init__(self, path: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path.replace("@", "\0"))
        self.socket.settimeout(TIMEOUT_S)
        self._environment = environment(NOTIFY_SOCKET=path)

    def start(self, *words: object) -> subprocess.Popen:
        command = [*quick_command("error"), *map(str, words)]
        streams = {"stdin": subprocess.DEVNULL, **PIPES}
        return subprocess.Popen(command, env=self._environment, **streams)

    def told(self) -> str:
        return self.socket.recv(1000).decode()


@pytest.fixture(params=["socket", "@{}"], ids=["a path", "an abstract name"])
def manager(request, tmp_path):
    made = Manager(request.param.format(tmp_path) if "@" in request.param else f"{tmp_path}/it")
    with made.socket:
        yield made


@pytest.fixture
def words(tmp_path):
    """A node on loopback that nobody else sees."""
    (tmp_path / "served").mkdir()
    files = {"--key": "key", "--trust": "trust", "--dir": "served"}
    own = [word for name, file in files.items() for word in (name, tmp_path / file)]
    network = ("--host", "127.0.0.1", "--port", 0, "--interface", "127.0.0.1/8")
    return ("serve", *own, *network, "--discovery-port", 1)


@pytest.mark.parametrize("who", [(), ("--anyone",)], ids=["paired", "anyone"])
def test_the_manager_hears_that_it_serves_and_that_it_is_stopped(manager, words, who):
    with manager.start(*words, *who) as service:
        assert manager.told() == "READY=1"
        service.send_signal(signal.SIGTERM)
        assert manager.told() == "STOPPING=1"
        said, complaints = service.communicate(timeout=TIMEOUT_S)
    clean(complaints)
    assert str(service.returncode) in settings()["Service"]["SuccessExitStatus"].split()
    assert " serves " in said and "\x1b" not in said + complaints


def test_a_node_that_cannot_serve_is_never_ready(manager, words, tmp_path):
    (tmp_path / "key").write_text("damaged")
    with manager.start(*words) as service:
        complaints = service.communicate(timeout=TIMEOUT_S)[1]
    assert service.returncode == 1 and complaints
    manager.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.told()


def test_a_manager_that_is_gone_is_no_failure(manager, words):
    with manager.start(*words) as service:
        assert manager.told() == "READY=1"
        manager.socket.close()
        service.send_signal(signal.SIGTERM)
        clean(service.communicate(timeout=TIMEOUT_S)[1])
    assert service.returncode == 143


def settings() -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read(UNIT)
    return unit


def test_systemd_takes_the_unit(tmp_path):
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    program = tmp_path / ".local" / "bin" / "dsoftbus"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    folders = {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [tool, "--user", "verify", UNIT],
        env={**os.environ, **folders},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert settings()["Service"]["ExecStart"] == "%h/.local/bin/dsoftbus serve"
