"""The sources of a board's noise, by port. docs/security.md says what each is taken for.

A start asks for them once, and this code leaves the heap afterwards; `samples` has what stays.
"""

import os
import sys
import time

import machine

from dsoftbus.errors import Unsupported
from dsoftbus_mpy.noise_source import health_tests, samples
from dsoftbus_mpy.noise_source.conditioner import Generator, Noise

_LEAST = 2  # sources: one that is not what it is taken for must not be the only one
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
        found.append(("oscillator", samples.oscillator, health_tests.BIT))
    elif hasattr(os, "urandom"):
        found.append(("generator", samples.of_generator(), health_tests.BYTE))
    converter = _converter(_channel() if adc is None else adc)
    if converter is not None:
        found.append(("converter", samples.of_converter(converter), health_tests.READING))
    return found


def _channel():
    """Returns a channel of the converter that no program has to name; None if none is known."""
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
    """Returns bytes that differ from board to board and from start to start; they count for
    nothing."""
    wall = getattr(time, "time", time.ticks_us)  # not every port has a clock of that kind
    text = "%s %s %s " % (_machine(), wall(), time.ticks_us())
    urandom = os.urandom(32) if hasattr(os, "urandom") else b""
    return text.encode() + getattr(machine, "unique_id", bytes)() + urandom
