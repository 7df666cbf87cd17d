"""Serial cables of this machine that can be pulled and put back, and a network that can be cut."""

import contextlib
import os
import pty
import select
import threading
import tty
from pathlib import Path

from bad_path import Proxy


class PluggedCable:
    """Two serial ports that are joined while it is plugged in. `paths` stay the same."""

    def __init__(self, folder: Path) -> None:
        self.paths = [str(folder / f"tty{n}") for n in range(2)]
        self.plug()

    def plug(self) -> None:
        """Puts it in."""
        pairs = [pty.openpty() for _ in range(2)]
        for path, (_, slave) in zip(self.paths, pairs, strict=True):
            tty.setraw(slave)
            os.symlink(os.ttyname(slave), path)
        wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._carry, args=(pairs, wake), daemon=True)
        self._thread.start()

    def pull(self) -> None:
        """Pulls it: the programs at both ends see that their ports are gone."""
        for path in self.paths:
            os.unlink(path)
        os.close(self._waker)
        self._thread.join()

    def _carry(self, pairs: list[tuple[int, int]], wake: int) -> None:
        (one, _), (other, _) = pairs
        across = {one: other, other: one}
        with contextlib.suppress(OSError):
            while wake not in (ready := select.select([one, other, wake], [], [])[0]):
                for source in ready:
                    data = os.read(source, 4096)
                    while data:
                        data = data[os.write(across[source], data) :]
        for fd in (*pairs[0], *pairs[1], wake):
            os.close(fd)


class Network(Proxy):
    """Carries datagrams between a client and `port` until it is cut."""

    def __init__(self, port: int) -> None:
        super().__init__(port, 0, 0, 0)

    def cut(self, apart: bool = True) -> None:
        """Loses all from now on, or nothing any more."""
        self._chances = (1.0 if apart else 0.0), 0.0, 0.0
