"""Starts of boards whose heap is in pieces: each starts, or says what it lacks; `make soak-starts`
does many more."""

import pytest

from board import power_on
from dsoftbus_host.board.make import boards

STARTS = 6
LARGEST = 2048  # bytes of the unix port, whose words are twice as long
# Heaps in KiB of 32-bit words, by what becomes of a start.
HEAPS = {
    "rpi_pico": {"refused": (100, 120), "started": (184, 246)},
    "rpi_pico_w": {"refused": (100, 120), "started": (184, 246)},
    "pybv11": {"refused": (60,), "started": (120, 140, 184)},
}
CASES = [
    (name, heap, how)
    for name, outcomes in HEAPS.items()
    for how, heaps in outcomes.items()
    for heap in heaps
]
RESETS = """
def reset():
    raise SystemExit(42)
"""


@pytest.mark.parametrize("name, heap_kib, how", CASES)
def test_starts_in_a_heap_of_pieces(flash_of, name, heap_kib, how):
    folder = flash_of(name)
    for start in power_on.campaign(folder, boards.find(name), heap_kib, STARTS):
        assert start.how == how, start.said


@pytest.mark.parametrize("name", list(boards.every()))
def test_after_the_order_no_piece_is_larger_than_2_kb(flash_of, name):
    folder, board = flash_of(name), boards.find(name)
    power_on.trusted(folder, board)
    start = power_on.start(folder, 800, 1, power_on.machine_code(board), LARGEST)
    assert start.how == "started", start.said
    assert start.after < LARGEST + 256  # there was no larger piece indeed


def test_a_start_that_lacks_memory_is_tried_again_three_times(flash_of):
    folder = flash_of("rpi_pico")
    (folder / "lib/machine.py").write_text(RESETS)
    counted = folder / "dsoftbus.lacks"
    for _ in range(2):
        for n in range(1, 4):
            said = power_on.start(folder, 100, n, 0).said
            assert "no node: no memory: " in said and f"try {n} of 3" in said, said
            assert counted.read_text() == str(n)
        said = power_on.start(folder, 100, 9, 0).said
        assert "it stays at the REPL" in said and not counted.exists(), said


def test_without_a_place_for_the_count_there_is_no_reset(flash_of):
    folder = flash_of("rpi_pico")
    (folder / "lib/machine.py").write_text(RESETS)
    (folder / "dsoftbus.lacks").mkdir()
    said = power_on.start(folder, 100, 1, 0).said
    assert "it stays at the REPL" in said and "try" not in said, said
