"""A board's UART: it is made with room for all that a peer may send while the program is busy."""

import sys

from dsoftbus.const import SMALL, TINY
from dsoftbus.line.line import FRAME_ROOM, Line


class Uart:
    """Stands for machine.UART: notes how it was made, and keeps `rxbuf` bytes."""

    def __init__(self, number, baud, **named):
        self.made = number, baud, named
        self.kept = b""
        self.written = b""

    def any(self):
        return len(self.kept)

    def readinto(self, view, n):
        view[:n] = self.kept[:n]
        self.kept = self.kept[n:]
        return n

    def write(self, data):
        self.written += bytes(data)
        return len(data)

    def deinit(self):
        self.kept = b""


class Hardware:
    """Stands for the modules machine and dsoftbus_profile."""

    UART = Uart
    PROFILE = SMALL


class Board(Hardware):
    UART = (1, None, None)


class Pins(Hardware):
    UART = (0, 4, 5)


def made(hardware):
    """The port that `setup` makes where a board is `hardware`."""
    before = {name: sys.modules.get(name) for name in ("machine", "dsoftbus_profile")}
    machine = Hardware()
    machine.Pin = lambda number: "pin %d" % number
    sys.modules["machine"] = machine
    sys.modules["dsoftbus_profile"] = hardware
    try:
        from dsoftbus_mpy.device import setup

        setup.hardware = hardware
        return setup.byte_port({"serial": "uart", "uart": None, "baud": 9600})
    finally:
        for name in before:
            if before[name] is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before[name]


def test_its_pins_are_the_board_s_own():
    number, baud, named = made(Pins).waits_for.made
    assert (number, baud, named["timeout"]) == (0, 9600, 0)
    assert (named["tx"], named["rx"]) == ("pin 4", "pin 5")
    assert "tx" not in made(Board).waits_for.made[2]


def test_a_peer_that_sends_all_it_may_finds_room():
    for profile in (SMALL, TINY):
        board = Board()
        board.PROFILE = profile
        rxbuf = made(board).waits_for.made[2]["rxbuf"]
        assert 0 < rxbuf - unanswered(profile) < 2 * FRAME_ROOM


def unanswered(profile) -> int:
    """Returns how many bytes a host sends while a board of this profile does not answer."""
    host, board = Line(1, 479, 16), Line(2, 479, profile.line_slots)
    out = bytearray(FRAME_ROOM)
    for _ in range(3):  # each hears what the other one has room for
        for line, other in ((host, board), (board, host)):
            line.sendto(bytes(10), 10, 0)
            n = line.poll_transmit(out, 100)
            other.space()[:n] = out[:n]
            other.filled(n, 100)
            other.recvfrom_into(bytearray(480))
    sent = n = 0
    while n or host.sendto(bytes(479), 479, 0):
        n = host.poll_transmit(out, 1000)
        sent += n
    return sent


def test_a_port_gives_what_has_come():
    port = made(Board)
    uart = port.waits_for
    view = memoryview(bytearray(4))
    assert port.readinto(view) is None
    uart.kept = b"abcdef"
    assert port.readinto(view) == 4 and bytes(view) == b"abcd"
    assert port.readinto(view) == 2
    assert port.write(b"0123", 1, 3) == 2 and uart.written == b"12"
    port.close()
