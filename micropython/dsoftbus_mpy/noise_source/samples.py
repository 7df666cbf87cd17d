"""Single samples of hardware noise: what is called as long as a board's node runs."""

import os

import machine

_ROSC_RANDOMBIT = 0x4006001C  # RP2040 datasheet section 2.17.8


def oscillator() -> int:
    """One bit of an RP2040's ring oscillator."""
    return machine.mem32[_ROSC_RANDOMBIT] & 1


def of_generator():
    """Returns a function that gives the hardware generator's bytes, one by one."""
    stream = _bytes()
    return lambda: next(stream)


def _bytes():
    while True:
        yield from os.urandom(16)


def of_converter(converter):
    """Returns a function that gives the lowest eight of the twelve bits of an ADC, which read_u16
    scales up to sixteen."""
    return lambda: converter.read_u16() >> 4
