"""Sessions over serial ports of this machine: two ends of a pseudo-terminal as the cable."""

import asyncio
import contextlib
import os
import pty
import threading
import tty
from binascii import crc32

import pytest

from dsoftbus.errors import LINE_VERSION, PeerError
from dsoftbus.line.cobs import HEAD, encode
from dsoftbus_host.bare_bus import ANYONE, BareBus
from portable import TIMEOUT_S

FILE_BYTES = 200_000


class Cable:
    """Two serial ports that are joined; `spoil(data)` is what the way makes of passing bytes."""

    def __init__(self, spoil=bytes):
        self._spoil = spoil
        self._masters = []
        self.paths = []
        self._held = []
        for _ in range(2):
            master, slave = pty.openpty()
            tty.setraw(slave)
            self._masters.append(master)
            self._held.append(slave)
            self.paths.append(os.ttyname(slave))
        one, other = self._masters
        for pair in ((one, other), (other, one)):
            threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source: int, destination: int) -> None:
        with contextlib.suppress(OSError):
            while data := self._spoil(os.read(source, 4096)):
                while data:
                    data = data[os.write(destination, data) :]

    def close(self) -> None:
        for fd in self._held + self._masters:
            os.close(fd)


@pytest.fixture
def cable():
    joined = Cable()
    yield joined
    joined.close()


def test_a_file_both_ways_over_a_cable(cable, tmp_path):
    async def scenario():
        (tmp_path / "file").write_bytes(os.urandom(FILE_BYTES))
        (tmp_path / "served").mkdir()
        async with BareBus(os.urandom(32)) as one, BareBus(os.urandom(32), allow=ANYONE) as other:
            other.share(tmp_path / "served")
            other.open_serial(cable.paths[1])
            port = one.open_serial(cable.paths[0])
            async with await port.connect(other.public) as connection:
                (tmp_path / "back").mkdir()
                [sent] = await connection.send(tmp_path / "file")
                [back] = await connection.fetch("file", tmp_path / "back")
                assert sent.digest == back.digest
                assert back.sent == FILE_BYTES

    asyncio.run(scenario())


def old_frame() -> bytes:
    """Returns the answer of an end that speaks the format before this one: an acknowledgement."""
    frame = bytes((0x78, 0x31, 0, 0, 0))
    check = crc32(frame) & 0xFFFF
    wire = bytearray(bytes(HEAD) + frame + check.to_bytes(2, "big") + b"\0")
    return b"\0" + bytes(wire[: encode(wire, 0, len(wire) - 1)])


def test_an_end_that_speaks_the_older_format_is_refused_at_once(cable):
    async def scenario():
        async with BareBus(os.urandom(32)) as bus:
            port = bus.open_serial(cable.paths[0])
            connecting = asyncio.create_task(port.connect(bytes(range(32))))
            await asyncio.sleep(0)
            end = os.open(cable.paths[1], os.O_WRONLY | os.O_NOCTTY)
            os.write(end, old_frame())
            with pytest.raises(PeerError) as refused:
                await connecting
            os.close(end)
            assert refused.value.code == LINE_VERSION
            assert "older version" in str(refused.value)

    asyncio.run(asyncio.wait_for(scenario(), TIMEOUT_S))
