"""The packages for `mip`: installed by mip itself on MicroPython, and by mpremote over a cable."""

import functools
import http.server
import shutil
import subprocess
import sys
import threading

import pytest

from board.supervisor import Supervisor
from dsoftbus_host.board import remote
from dsoftbus_host.board.make import boards
from portable import ROOT, TIMEOUT_S, micropython

UNIX = boards.find("unix")
PACKAGE = str(UNIX.folder / "package.json")
MPREMOTE = (sys.executable, "-m", "mpremote", "connect")


class Strict(http.server.SimpleHTTPRequestHandler):
    """A server that takes no path upwards."""

    allow_upwards = False

    def do_GET(self):
        if "/../" in self.path and not self.allow_upwards:
            self.send_error(404)
        else:
            super().do_GET()

    def log_message(self, *_):
        """Tests print nothing."""


class Lenient(Strict):
    allow_upwards = True


@pytest.fixture
def served():
    """`served(handler)`: the URL of this checkout at a server of its own."""
    servers = []

    def start(handler) -> str:
        handler = functools.partial(handler, directory=str(ROOT))
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def runs_as_a_node(folder) -> bool:
    (folder / "main.py").write_bytes(UNIX.main)
    (folder / "config.json").write_bytes(UNIX.config)
    with Supervisor(folder, heap="2M") as board, remote.connected(board.port) as there:
        said = there.start()
    return said.startswith("dsoftbus ") and "line on the console" in said


@pytest.mark.parametrize(
    ("handler", "package"), [(Lenient, "boards/unix/package.json"), (Strict, "package.json")]
)
def test_mip_installs_a_node_on_micropython(handler, package, served, tmp_path):
    url = f"{served(handler)}/{package}"
    (tmp_path / "lib").mkdir()
    program = f"import mip; mip.install({url!r}, target={str(tmp_path / 'lib')!r})"
    done = subprocess.run(
        (*micropython(), "-c", program),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0 and "Done" in done.stdout, done.stdout + done.stderr
    assert runs_as_a_node(tmp_path)


def test_mpremote_installs_a_node_out_of_a_folder(tmp_path):
    folder = tmp_path / "board"
    folder.mkdir()
    with Supervisor(folder) as board:
        done = subprocess.run(
            (*MPREMOTE, board.port, *["resume", "mip", "install", "--target", "lib"], PACKAGE),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert runs_as_a_node(folder)
    shutil.rmtree(folder)
