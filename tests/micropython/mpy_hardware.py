"""The sources of noise of a board, by port: with a `machine` and an `os` of our own."""

import sys

from dsoftbus.errors import ENTROPY_UNAVAILABLE, UNSUPPORTED
from support import Random, raises

sys.modules["machine"] = sys  # whatever this port has: each test brings its own

from dsoftbus_mpy import entropy  # noqa: E402 - looks for the module above
from dsoftbus_mpy.noise_source import samples, sources  # noqa: E402

SEED = "no/such/folder/seed"
PICO = "Raspberry Pi Pico W with RP2040"
PICO_2 = "Raspberry Pi Pico2 with RP2350"
ROSC_RANDOMBIT = 0x40060000 + 0x1C


class Sys:
    def __init__(self, platform: str, name: str):
        self.platform = platform
        self.implementation = self
        self._machine = name


class Os:
    """Without `urandom`, as the smallest ports are."""


class OsWithGenerator(Os):
    def __init__(self):
        self.urandom = Random(8)


class Adc:
    """Twelve bits of which three are noise, scaled up to sixteen."""

    def __init__(self, channel):
        self.channel = channel
        self._random = Random(7)

    def read_u16(self) -> int:
        raw = 0x6A0 + (self._random.bits16() & 7)
        return raw << 4 | raw >> 8


class AdcWithNames(Adc):
    CORE_TEMP = "core"


class Machine:
    """Its peripherals: what reads an address that is not there, would hang a board."""

    def __init__(self, adc=None, bits=None):
        if adc is not None:
            self.ADC = self._made
            self._adc = adc
            self._made_adc = None
        self._random = bits or Random(9).bits16
        self.mem32 = self

    def _made(self, channel):
        self._made_adc = self._adc(channel)
        return self._made_adc

    def Pin(self, number: int):
        return ("pin", number)

    def unique_id(self) -> bytes:
        return b"board-id"

    def __getitem__(self, address: int) -> int:
        assert address == ROSC_RANDOMBIT, hex(address)
        return self._random() & 1


class Time:
    """It stands still."""

    def ticks_us(self) -> int:
        return 0

    ticks_cpu = time = ticks_us


class Board:
    """Puts itself in the place of this port while it is entered."""

    def __init__(self, platform: str, name: str, machine, os=None):
        self._sys, self._machine, self._os = Sys(platform, name), machine, os or OsWithGenerator()

    def __enter__(self):
        self._ours = (sources.sys, sources.machine, sources.os, sources.time)
        sources.sys, sources.machine, sources.os = self._sys, self._machine, self._os
        samples.machine, samples.os = self._machine, self._os
        sources.time = Time()
        entropy.sys = self._sys
        entropy._conditioned.clear()
        return self

    def __exit__(self, kind, error, trace):
        sources.sys, sources.machine, sources.os, sources.time = self._ours
        samples.machine, samples.os = sources.machine, sources.os
        entropy.sys = sys
        entropy._conditioned.clear()


class Named(Machine):
    """Its ADC is a class that names its channels."""

    def __init__(self, bits=None):
        super().__init__(None, bits)
        self.ADC = AdcWithNames


def names_of(random) -> list:
    return [noise.name for noise in random._noises]


def test_a_pico_has_its_oscillator_and_its_converter():
    with Board("rp2", PICO, Named()):
        random = entropy.source(SEED)
        assert names_of(random) == ["oscillator", "converter"]
        assert len(random(32)) == 32 and random(32) != random(32)


def test_one_generator_for_all_who_ask():
    with Board("rp2", PICO, Named()):
        assert entropy.source(SEED) is entropy.source()


def test_the_address_of_one_chip_is_not_read_on_another():
    with Board("rp2", PICO_2, Named()):
        assert names_of(entropy.source(SEED)) == ["generator", "converter"]


def test_a_converter_without_names_is_asked_for_the_fifth_channel():
    board = Machine(Adc)
    with Board("rp2", PICO, board):
        entropy.source(SEED)
    assert board._made_adc.channel == 4


def test_an_esp32_reads_a_pin_that_floats():
    for name, pin in (
        ("Generic ESP32 module with ESP32", 36),
        ("Generic ESP32S3 module with ESP32S3", 1),
        ("ESP32C3 module with ESP32C3", 0),
    ):
        board = Machine(Adc)
        with Board("esp32", name, board):
            assert names_of(entropy.source(SEED)) == ["generator", "converter"]
        assert board._made_adc.channel == ("pin", pin)


def test_a_channel_that_is_given_is_the_one():
    board = Machine(Adc)
    with Board("esp32", "some new chip", board):
        raises(UNSUPPORTED, entropy.source, SEED)
        assert names_of(entropy.source(SEED, 0)) == ["generator", "converter"]
        assert board._made_adc.channel == ("pin", 0)
    with Board("rp2", PICO, board):
        entropy.source(SEED, 3)
        assert board._made_adc.channel == 3


def test_a_channel_that_is_not_there_is_not_a_source():
    def refuse(channel):
        raise ValueError("invalid channel")

    with Board("rp2", PICO, Machine(refuse)):
        error = raises(UNSUPPORTED, entropy.source, SEED, 99)
        assert error.detail.endswith("found: oscillator")


def test_a_pyboard_has_its_generator_and_its_converter():
    with Board("pyboard", "PYBv1.1 with STM32F405RG", Named()):
        assert names_of(entropy.source(SEED)) == ["generator", "converter"]


def test_fewer_than_two_are_refused_with_what_was_found():
    for os_there, adc, found in (
        (OsWithGenerator(), None, "generator"),
        (Os(), Adc, "converter"),
        (Os(), None, "none"),
    ):
        with Board("someport", "", Machine(adc), os_there):
            error = raises("local.unsupported", entropy.source, SEED)
            assert error.detail == "entropy: two sources of hardware noise; found: " + found


def test_a_dead_oscillator_is_refused_now_and_later():
    with Board("rp2", PICO, Named(lambda: 0)):
        for _ in range(2):
            error = raises(ENTROPY_UNAVAILABLE, entropy.source, SEED)
            assert error.detail == "oscillator: repetition count"


def test_a_generator_that_gives_zeros_is_refused():
    """It fails as an STM32's that times out does; a system's source would let it pass."""
    dead = OsWithGenerator()
    dead.urandom = bytes
    with Board("pyboard", "PYBv1.1 with STM32F405RG", Named(), dead):
        error = raises(ENTROPY_UNAVAILABLE, entropy.source, SEED)
        assert error.detail == "generator: repetition count"


def test_another_board_has_other_bytes():
    """Even where all its noise is the same, and its clock."""
    other = Named()
    other.unique_id = lambda: b"another!"
    streams = []
    for board in (Named(), Named(), other):
        with Board("rp2", PICO, board):
            streams.append(entropy.source(SEED)(16))
    assert streams[0] == streams[1] != streams[2]


class Ticks:
    """The module `time` of a port without a wall clock."""

    def ticks_us(self) -> int:
        return 7


def test_a_port_may_have_no_wall_clock():
    before, sources.time = sources.time, Ticks()
    try:
        assert sources._extra()
    finally:
        sources.time = before
