"""Every command shows what is checked in, on terminals of 60 and 80 columns and elsewhere.

`make screens` writes the screens anew; look at what has changed before you commit it.
"""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from commands import Serving, environment
from dsoftbus.base.key_file import encode_secret
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import crypto
from dsoftbus_host.storage.trust_file import StoreFile
from free_ports import free_port
from machines.terminal import Terminal
from machines.terminal import drawn as terminal_drawn
from portable import TIMEOUT_S

SCREENS = Path(__file__).with_name("screens")
WRITE = "DSOFTBUS_SCREENS"  # in the environment: the screens are written, and not compared
LINES = (
    "-h",
    "nonsense",
    "id",
    "id --json",
    "status",
    "peers",
    "peers --json",
    "discover --seconds 1",
    "ping hall -c 2 --interval 0",
    "call hall light true",
    "call hall light on",
    "offers hall",
    "offers hall --json",
    "time hall",
    "watch hall a/#/b",
    "publish a/+ 1",
    "send grüße.txt hall",
    "send grüße.txt hall",
    "send grüße.txt photos hall --replace",
    "send grüße.txt nobody",
    "send grüße.txt",
    "fetch grüße.txt hall",
    "fetch missing photos/a.jpg hall",
    "fetch photos/*.png hall",
    "ls hall",
    "ls hall photos/*.jpg",
    "ls hall nothing",
    "ls hall ../x",
    "update hall photos",
    "update hall",
    "versions hall",
    "allow hall file",
    "deny hall secret",
    "unpair attic",
    "trust export",
    "trust import other.json",
    "rotate --days 2",
    "rotate",
    "rotate --cancel",
    "rotate --cancel",
    "serve --name own --host 127.0.0.1 --port 0 --dir empty",
    "pair",
    "pair --token hall",
    "board list",
    "board run no-such-port",
    "bridge no-such-port",
    "sim --list",
    "sim clean --mb 0.2",
    "sim nonsense",
)
MASKS = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-03-01 12:00:00"),
    (r"127\.0\.0\.1:\d{5}", "127.0.0.1:37020"),
    (r"\d+\.\d\d ms", "0.50 ms"),
    (r"(least|median) \d+\.\d\d,", r"\1 0.50,"),
    (r"(bytes|B) +(\?|[\d.]+ \w*B/s|[\d.]+ bytes/s) +[-\d]:[-\d:]{5}", r"\1 ? 0:00:00"),
    (r"(next id +)[a-z2-7]{26}", r"\g<1>" + "x" * 26),
    (r"(next key +)[0-9a-f]{64}", r"\g<1>" + "0" * 64),
    (r"/\S+/home/", "/srv/ada/"),
    (rf"pair with {re.escape(socket.gethostname())}", "pair with own"),
    (r"(?m) +$", ""),
)
OWN, HALL, ATTIC = (bytes((n,)) * 32 for n in (1, 2, 3))


def public(secret: bytes) -> bytes:
    return crypto.suite().keypair(secret).public


def make_key(path: Path, secret: bytes) -> None:
    path.write_bytes(encode_secret(secret))
    path.chmod(0o600)


def store(path: Path, *entries: Entry) -> None:
    file = StoreFile(path)
    for entry in entries:
        file.store.add(entry)
    file.save()


@pytest.fixture
def hall(tmp_path):
    """A node that serves, and that trusts this one."""
    folder = tmp_path / "hall"
    make_key(folder.with_suffix(".key"), HALL)
    store(tmp_path / "hall.json", Entry(public(OWN), "own", [grant("allow both *")]))
    port = free_port()
    trust = ("--trust", tmp_path / "hall.json", "--name", "hall")
    network = ("--interface", "127.0.0.1/8", "--discovery-port", port)
    with Serving(folder, *trust, *network) as node:
        node.discovery_port = port
        yield node


@pytest.fixture
def home(tmp_path):
    """The current folder of this node, with files to send."""
    home = tmp_path / "home"
    (home / "photos").mkdir(parents=True)
    (home / "empty").mkdir()
    make_key(home / "own.key", OWN)
    grants = [grant("allow both *")]
    hall = Entry(public(HALL), "hall", grants, 1700000000)
    store(home / "own.json", hall, Entry(public(ATTIC), "attic", [], 1700000000))
    store(home / "other.json", Entry(public(ATTIC), "attic", grants, 1700000000))
    (home / "grüße.txt").write_bytes(b"x" * 1000)
    (home / "photos/a.jpg").write_bytes(b"y" * 2000)
    return home


def around(hall, **more: str) -> dict:
    settings = {"XDG_CONFIG_HOME": "/srv/ada/.config", "XDG_DATA_HOME": "/srv/ada/.local/share"}
    found = environment(**settings, DISCOVERY_PORT=str(hall.discovery_port), TZ="UTC", **more)
    for name in ("COLUMNS", "NO_COLOR", "LINES", "PYTHONIOENCODING"):
        if name not in more:
            found.pop(name, None)
    return found | {"PYTHONUTF8": "1"} if "PYTHONIOENCODING" not in more else found


WORDS = [sys.executable, str(Path(__file__).with_name("typed_lines.py")), *LINES]


def on_terminal(home: Path, hall, columns: int, **more: str) -> str:
    """Returns all that the terminal gets."""
    environ = around(hall, **{"TERM": "xterm-256color", **more})
    with Terminal(WORDS, home, environ, columns) as screen:
        waits = 0
        while screen.read():
            text = screen.raw.decode(errors="replace")
            if waiting(text) + text.count("[y/N]: ") > waits:
                waits += 1
                screen.types("n\r" if text.endswith("[y/N]: ") else "\x03")
        screen.process.wait(TIMEOUT_S)
        return screen.raw.decode()


def in_pipe(home: Path, hall, encoding: str) -> str:
    process = subprocess.Popen(
        WORDS,
        cwd=home,
        env=around(hall, PYTHONIOENCODING=encoding),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    data = b""
    waits = 0
    while got := os.read(process.stdout.fileno(), 65536):
        data += got
        if waiting(data.decode(encoding)) > waits:
            waits += 1
            process.send_signal(signal.SIGINT)
    process.stdout.close()
    process.wait(TIMEOUT_S)
    return data.decode(encoding)


def waiting(text: str) -> int:
    """Counts the commands that have waited for their end by the person."""
    return len(re.findall("(?:this node's id is|peers reach it as) .+\n", text))


def masked(text: str) -> str:
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    return text


def compare(name: str, shown: str) -> None:
    file = SCREENS / f"{name}.txt"
    if os.environ.get(WRITE):
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8"), "run `make screens`, and look at the changes"


@pytest.mark.parametrize("columns", [60, 80])
def test_on_a_terminal(home, hall, columns):
    raw = on_terminal(home, hall, columns)
    assert re.search(r"\x1b\[[0-9;]*3[0-7]m", raw)
    shown = masked(terminal_drawn(raw))
    for device in map(device_id, (public(OWN), public(HALL), public(ATTIC))):
        assert device in shown
    compare(f"terminal-{columns}", shown)


def test_without_colour(home, hall):
    raw = on_terminal(home, hall, 80, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]m", raw)
    compare("terminal-80", masked(terminal_drawn(raw)))


def test_on_a_dumb_terminal(home, hall):
    raw = on_terminal(home, hall, 80, TERM="dumb")
    assert "\x1b" not in raw
    compare("dumb", masked(terminal_drawn(raw)))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_in_a_pipe(home, hall, encoding):
    shown = in_pipe(home, hall, encoding)
    assert "\x1b" not in shown
    compare(f"pipe-{encoding}", masked(shown))
