"""Real brokers of MQTT, started by the tests on free ports of the loopback."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from free_ports import free_port

_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"  # beside the PATH, where servers lie
_START_S = 60
_ANYONE = "allow_anonymous true"


def mosquitto_program() -> str:
    """The path of mosquitto; leaves the test out where it is not installed."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=_PLACES)
    if not found:
        pytest.skip("mosquitto is not installed")
    return found


class Mosquitto:
    """A broker at `port`, which can be killed and started again with nothing left of before.
    `lines` are more of its configuration."""

    def __init__(self, folder: Path, *lines: str):
        self.port = free_port()
        self._program = mosquitto_program()
        self._config = folder / f"mosquitto-{self.port}.conf"
        head = [f"listener {self.port} 127.0.0.1", "persistence false", "log_dest stderr"]
        if os.getuid() == 0:  # else it gives up what it may read
            head.append("user root")
        anyone = [] if any("allow_anonymous" in line for line in lines) else [_ANYONE]
        self._config.write_text("\n".join([*head, *anyone, *lines]) + "\n")
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Returns once it takes connections."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _START_S
        while not _takes(self.port):
            assert self._process.poll() is None and time.monotonic() < until, "no broker"
            time.sleep(0.02)

    def kill(self) -> None:
        """Ends it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _takes(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def mosquitto(folder: Path, *lines: str):
    """A Mosquitto that runs within the block."""
    broker = Mosquitto(folder, *lines)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
