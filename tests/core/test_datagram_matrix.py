"""Bytes in are bytes out, whatever the network does: loss x reordering x duplication x corruption
x latency. CPython runs the whole matrix, MicroPython a part of it."""

import sys

from dsoftbus.const import HOST, SMALL, TINY
from simulated import Talk

WHOLE = sys.implementation.name == "cpython"


class Patient(TINY):
    """Does not give up a handshake of which every fourth flight is lost."""

    handshake_ms = 120000


LOSSES = (0, 10, 50, 200)
LATENCIES_MS = (1, 50, 300)


def check_matrix(loss, size, profile=HOST, mtu=1200):
    seed = loss
    for latency_ms in LATENCIES_MS if WHOLE else (50,):
        for faults in range(8) if WHOLE else (0, 7):
            seed += 1
            Talk(
                seed,
                size,
                {
                    "latency_ms": latency_ms,
                    "loss": loss,
                    "reorder": 200 if faults & 1 else 0,
                    "duplicate": 100 if faults & 2 else 0,
                    "corrupt": 50 if faults & 4 else 0,
                },
                profile,
                mtu,
            ).run().finish()


def size(n):
    """Less for MicroPython, where sealing is slower."""
    return n if WHOLE else n // 8


def test_no_loss():
    check_matrix(0, size(40000))


def test_loss_1_percent():
    check_matrix(10, size(40000))


def test_loss_5_percent():
    check_matrix(50, size(40000))


def test_loss_20_percent():
    check_matrix(200, size(40000))


def test_boards():
    for loss in LOSSES if WHOLE else (200,):
        check_matrix(loss, size(8000), SMALL)


def test_small_radios():
    for loss in LOSSES if WHOLE else (50,):
        check_matrix(loss, size(4000), Patient, 200)


def test_bursts_of_loss():
    for seed in range(8 if WHOLE else 1):
        Talk(seed, size(40000), {"latency_ms": 20, "burst_begin": 20}).run().finish()


def test_a_narrow_path_with_a_short_queue():
    faults = {"latency_ms": 20, "kilobytes_s": 100, "queue_bytes": 6000}
    Talk(1, size(80000), faults).run().finish()
