"""Where a board's noise comes from, by port. docs/security.md says what each is taken for."""

import os
import sys
import time

import machine

from dsoftbus.errors import Unsupported
from dsoftbus_mpy import health
from dsoftbus_mpy.conditioned import Generator, Noise

_LEAST = 2  # sources: one that is not what it is taken for must not be the only one
_ROSC_RANDOMBIT = 0x4006001C  # RP2040 datasheet section 2.17.8
_RP2_TEMPERATURE = 4  # the converter's channel, where the port does not name it
# ESP32 has no inner channel: a pin of the converter that floats on most boards.
_ESP32_PINS = (("ESP32S3", 1), ("ESP32C3", 0), ("ESP32", 36))


def generator(path: str, adc=None) -> Generator:
    """The generator of this board; `adc` as `entropy.source` has it.

    Raises Unsupported where fewer than two sources are found.
    """
    ticks = getattr(time, "ticks_cpu", time.ticks_us)
    noises = [Noise(name, sample, kind, ticks) for name, sample, kind in _sources(adc)]
    if len(noises) < _LEAST:
        names = ", ".join([noise.name for noise in noises]) or "none"
        raise Unsupported("entropy: two sources of hardware noise; found: " + names)
    return Generator(noises, path, _extra())


def _sources(adc) -> list:
    found = []
    if sys.platform == "rp2" and "RP2040" in _machine():
        # Its os.urandom sends this bit through a register that would hide a stuck one.
        found.append(("oscillator", _oscillator(), health.BIT))
    elif hasattr(os, "urandom"):
        stream = _bytes()
        found.append(("generator", lambda: next(stream), health.BYTE))
    converter = _converter(_channel() if adc is None else adc)
    if converter is not None:
        # The lowest eight of twelve bits, which read_u16 scales up to sixteen.
        found.append(("converter", lambda: converter.read_u16() >> 4, health.READING))
    return found


def _oscillator():
    return lambda: machine.mem32[_ROSC_RANDOMBIT] & 1


def _bytes():
    """The hardware generator's bytes, one by one."""
    while True:
        yield from os.urandom(16)


def _channel():
    """Of the converter, one that no program has to name; None where none is known."""
    if sys.platform != "esp32":
        return getattr(getattr(machine, "ADC", None), "CORE_TEMP", _RP2_TEMPERATURE)
    for chip, pin in _ESP32_PINS:
        if chip in _machine():
            return pin
    return None


def _converter(channel):
    """`machine.ADC` on this channel, or None."""
    make, pin_of = getattr(machine, "ADC", None), getattr(machine, "Pin", None)
    if make is None or channel is None:
        return None
    try:
        return make(pin_of(channel) if sys.platform == "esp32" else channel)
    except (OSError, ValueError, TypeError):
        return None  # this converter has no such channel


def _machine() -> str:
    """Such as "Raspberry Pi Pico W with RP2040"."""
    return getattr(sys.implementation, "_machine", "")


def _extra() -> bytes:
    """What differs from board to board and from start to start, and counts for nothing."""
    wall = getattr(time, "time", time.ticks_us)  # not every port has a clock of that kind
    text = "%s %s %s " % (_machine(), wall(), time.ticks_us())
    urandom = os.urandom(32) if hasattr(os, "urandom") else b""
    return text.encode() + getattr(machine, "unique_id", bytes)() + urandom
