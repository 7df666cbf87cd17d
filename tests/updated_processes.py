"""Real boards that are updated: MicroPython's unix port, each in a process that starts again."""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from dsoftbus.base.key_file import encode_secret
from dsoftbus.const import SMALL
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host import BareBus
from free_ports import free_port
from portable import micropython

HEAP = "400k"  # of 64-bit words
START_S = 0.2
TRIAL_S = 30  # as the updater asks
LOOK_S = 0.05


class ProcessBoard:
    """One of them, within `with`. `image` is what an installation leaves."""

    def __init__(
        self, image: Path, folder: Path, number: int, host: bytes, discovery_port: int
    ) -> None:
        self.name = f"real{number:02}"
        self.key = bytes([number + 1, 9]) * 16
        self.public = BareBus(self.key).public
        self.folder = folder
        self.starts = 0
        self._ended = threading.Event()
        self._runs = threading.Thread(target=self._run, daemon=True)
        shutil.copytree(image, folder)
        self._write(host, discovery_port)

    def __enter__(self) -> "ProcessBoard":
        self._runs.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._process.kill()
        self._runs.join()

    def _run(self) -> None:
        """Starts it whenever it has ended, as a reset does."""
        while not self._ended.is_set():
            self.starts += 1
            with (self.folder / "said").open("ab") as said:
                self._process = subprocess.Popen(
                    (*micropython(), "-X", f"heapsize={HEAP}", "main.py"),
                    cwd=self.folder,
                    env={**os.environ, "MICROPYPATH": ".:lib:.frozen"},
                    stdout=said,
                    stderr=said,
                )
                if self._ended.is_set():
                    self._process.kill()
                self._await_end()
            self._ended.wait(START_S)

    def _await_end(self) -> None:
        """Waits for the end of its process. The end of a trial's time ends it, too, as the timer
        of a board's hardware does, which this port lacks."""
        end = time.monotonic() + TRIAL_S
        while self._process.poll() is None:
            if time.monotonic() > end and self.state()[1]:
                self._process.kill()
            time.sleep(LOOK_S)

    def state(self, track: str = "app") -> list:
        """[active, trial, started, why] of its records; the root where they say nothing."""
        records = [self.folder / f"dsoftbus.slots.{number}" for number in range(2)]
        texts = [path.read_text().split(" ", 2) for path in records if path.exists()]
        held = [text for text in texts if len(text) == 3 and text[2].endswith("}")]
        last = max(held, key=lambda text: int(text[0]), default=None)
        return json.loads(last[2])[track] if last else ["r", "", 0, ""]

    def _write(self, host: bytes, discovery_port: int) -> None:
        store = TrustStore(SMALL)
        rights = ("allow both *", "allow in update")
        store.add(Entry(host, "host", [grant(text) for text in rights], int(time.time())))
        (self.folder / "trust.json").write_text(store.encode())
        (self.folder / "dsoftbus.key").write_bytes(encode_secret(self.key))
        settings = json.loads((self.folder / "config.json").read_text())
        settings |= {"name": self.name, "serial": "", "updates": True, "port": free_port()}
        settings |= {
            "host": "127.0.0.1",
            "discovery": discovery_port,
            "broadcast": "127.255.255.255",
        }
        (self.folder / "config.json").write_text(json.dumps(settings))

    @property
    def version(self) -> str:
        """The version that runs by its records, "root" where they say nothing."""
        active, trial, _, _ = self.state()
        assert not trial, f"{self.name} is on trial"
        if active == "r":
            return "root"
        manifest = (self.folder / f"app_{active}" / "manifest.json").read_text()
        return re.search('"version": "([^"]+)"', manifest)[1]
