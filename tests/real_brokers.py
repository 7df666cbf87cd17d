"""Real brokers of MQTT for tests: processes of their own, on a port of loopback."""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from free_ports import free_port

HOST = "127.0.0.1"
START_S = 60
_ELSEWHERE = "/usr/sbin:/usr/local/sbin"  # the distribution's place, and not on every PATH
# CONNECT of a client `tst`, with a clean session
_CONNECT = bytes.fromhex("100f00044d5154540402003c0003747374")
_AMQTT = """\
listeners:
  default:
    type: tcp
    bind: {host}:{port}
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
"""


def program(name: str) -> str | None:
    """The path of a program, or None."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), _ELSEWHERE)))


class Mosquitto:
    """mosquitto; `more` are lines of its configuration, `listener` those of its listener."""

    name = "mosquitto"

    def __init__(self, folder: Path, more: str = "", listener: str = "", host: str = HOST) -> None:
        self.config = folder / "mosquitto.conf"
        self.more, self.listener, self.host = more, listener, host

    @staticmethod
    def missing() -> str:
        return "" if program("mosquitto") else "mosquitto is not installed"

    def command(self, port: int) -> list:
        anonymous = "" if "allow_anonymous" in self.more else "allow_anonymous true\n"
        text = f"listener {port} {self.host}\n{self.listener}\n{anonymous}{self.more}\n"
        self.config.write_text(text + "user root\n")
        return [program("mosquitto"), "-c", str(self.config)]


class Amqtt:
    """amqtt, in Python."""

    name = "amqtt"

    def __init__(self, folder: Path) -> None:
        self.config = folder / "amqtt.yaml"

    @staticmethod
    def missing() -> str:
        return "" if importlib.util.find_spec("amqtt") else "amqtt is not installed"

    def command(self, port: int) -> list:
        self.config.write_text(_AMQTT.format(host=HOST, port=port))
        start = "from amqtt.scripts.broker_script import main; main()"
        return [sys.executable, "-W", "ignore", "-c", start, "-c", str(self.config)]


class Nats:
    """nats-server, with JetStream, which its MQTT needs."""

    name = "nats-server"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def missing() -> str:
        return "" if program("nats-server") else "nats-server is not installed"

    def command(self, port: int) -> list:
        config = self.folder / "nats.conf"
        config.write_text(
            f'server_name: here\nlisten: "{HOST}:{free_port()}"\n'
            f'jetstream {{ store_dir: "{self.folder / "nats"}" }}\n'
            f'mqtt {{ listen: "{HOST}:{port}" }}\n'
        )
        return [program("nats-server"), "-c", str(config)]


KINDS = {kind.name: kind for kind in (Mosquitto, Amqtt, Nats)}


class Broker:
    """A broker of a kind, started and stopped as often as a test likes, always on one port."""

    def __init__(self, kind, tls: bool = False) -> None:
        self.kind = kind
        self._tls = tls
        self.port = free_port()
        self._process = None

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Returns once it takes connections."""
        command = self.kind.command(self.port)
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, f"{command} ended at once"
            assert time.monotonic() < end, f"{command} takes no connection"
            time.sleep(0.02)

    def _answers(self) -> bool:
        """Tells whether it speaks MQTT: some listen before they do."""
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 5) as sock:
            sock.settimeout(5)
            if self._tls:
                return True
            sock.sendall(_CONNECT)
            return sock.recv(1) == b"\x20"
        return False

    def kill(self) -> None:
        """Ends it as a power cut does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


def mosquitto(folder: Path, *lines: str) -> Broker:
    """A mosquitto, not started yet; `lines` are more of its configuration. Leaves the test out
    where it is not installed."""
    if Mosquitto.missing():
        pytest.skip(Mosquitto.missing())
    tls = any(line.startswith("certfile") for line in lines)
    return Broker(Mosquitto(folder, "\n".join(lines)), tls)
