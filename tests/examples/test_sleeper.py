"""A sensor that sleeps and its hub, in processes of their own, as examples/sleeper has them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from board.conftest import put
from dsoftbus.base.key_file import encode_secret
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry
from dsoftbus_host import BareBus
from dsoftbus_host.storage.trust_file import StoreFile
from examples.test_examples import EXAMPLES, Host
from free_ports import free_port
from portable import TIMEOUT_S, micropython

KEY = bytes(range(32))
MACHINE = Path(__file__).with_name("machine.py")


class Sensor:
    """A board with the example as its `main.py`, paired with `hub`; `wake` is one start of it."""

    def __init__(self, folder: Path, hub: Host, discovery: int) -> None:
        self.folder = put("unix", folder)
        shutil.copy(MACHINE, folder / "lib")
        shutil.copy(EXAMPLES / "sleeper/board.py", folder / "main.py")
        (folder / "dsoftbus.key").write_bytes(encode_secret(KEY))
        network = {"host": "127.0.0.1", "broadcast": "127.255.255.255", "discovery": discovery}
        (folder / "config.json").write_text(json.dumps({"serial": "", "port": 1, **network}))
        pair(folder / "trust.json", bytes.fromhex(hub.key), "hub")
        pair(hub.trust, BareBus(KEY).public, "sensor")

    def wake(self) -> None:
        done = subprocess.run(
            [*micropython(), "-X", "heapsize=1M", "main.py"],
            cwd=self.folder,
            env={**os.environ, "MICROPYPATH": ".:lib:.frozen"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.startswith("sleeps for 59"), done.stdout + done.stderr


def pair(trust: Path, public: bytes, name: str) -> None:
    file = StoreFile(trust)
    file.store.add(Entry(public, name, [grant("allow both *")]))
    file.save()


@pytest.fixture
def hub(tmp_path):
    return Host(tmp_path / "home")


def test_it_wakes_says_what_it_has_measured_and_sleeps(hub, tmp_path):
    discovery = free_port()
    hub.stays_on_loopback(discovery)
    sensor = Sensor(tmp_path / "board", hub, discovery)
    with hub.start("sleeper/hub.py") as showing:
        assert showing.words == ["waiting", "for", "sensors"]
        for wakes in (1, 2, 3):
            sensor.wake()
            showing.until(f"sensor: wakes is {wakes}")
            showing.until("sensor: asleep for 10 min")
        (sensor.folder / "rtc").unlink()  # the power was gone
        sensor.wake()
        showing.until("sensor: wakes is 1", "sensor: asleep for 10 min")


def test_it_comes_back_with_its_ticket(hub, tmp_path):
    """As it is installed, with linked slices."""
    discovery = free_port()
    hub.stays_on_loopback(discovery)
    sensor = Sensor(tmp_path / "board", hub, discovery)
    with hub.start(Path(__file__).with_name("resumed_hub.py")) as showing:
        for reading in ("1 full", "2 resumed", "3 resumed"):
            sensor.wake()
            assert showing.line() == reading
