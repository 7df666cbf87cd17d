"""The command line with a counter: `share_node.py COUNTER BYTES_A_SECOND WORDS...`.

COUNTER is a file of 8 bytes, which hold how many bytes this process has given to its TCP links: as
shared memory it outlives a kill. A link that is too fast is held back.
"""

import mmap
import struct
import sys
import time

from dsoftbus_host.cli import transfer
from dsoftbus_host.cli.command import main
from dsoftbus_host.links.tcp import TcpLink

AGAIN_S = 0.05  # a kill is not to cost the second that a person can wait


class Meter:
    """Counts what links write, from `at` on where the process before was killed."""

    def __init__(self, path: str, rate: int) -> None:
        with open(path, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 8)
        (self._count,) = struct.unpack("Q", self._memory)
        self._rate = rate
        self._first = self._count
        self._begun = time.monotonic()

    def passed(self, n: int) -> None:
        self._count += n
        self._memory[:] = struct.pack("Q", self._count)
        early = (self._count - self._first) / self._rate - (time.monotonic() - self._begun)
        if early > 0:
            time.sleep(early)


def metered(meter: Meter) -> None:
    """All links of this process go by `meter`."""
    write = TcpLink.write

    def counted(link, buffer, at, stop):
        n = write(link, buffer, at, stop)
        meter.passed(n or 0)
        return n

    TcpLink.write = counted


if __name__ == "__main__":
    metered(Meter(sys.argv[1], int(sys.argv[2])))
    transfer._AGAIN_S = AGAIN_S
    main(sys.argv[3:])
