"""The installed slice itself makes random bytes out of noise."""

import time

from board.supervisor import Supervisor
from dsoftbus_host.board.make import compiler

# As a board's module `machine`: this port's own has no converter.
MACHINE = """
import os


class ADC:
    def __init__(self, channel):
        print("channel", channel)

    def read_u16(self):
        return (os.urandom(1)[0] & 7) << 4


def unique_id():
    return b"board"
"""
MAIN = """
from dsoftbus_mpy.noise_source.sources import generator

random = generator("dsoftbus.seed", 4)
print("random", len(random(32)), random(32) != random(32))
for n in range(200):
    random(1)
print("and again", len(random(40)), random.failure == "")
"""
DEAD = MACHINE.replace("(os.urandom(1)[0] & 7) << 4", "64")


def test_random_bytes_out_of_noise_on_a_board(flash_of):
    folder = flash_of("rpi_pico")
    (folder / "lib/machine.py").write_text(MACHINE)
    (folder / "main.py").write_text(compiler.program_source(MAIN))
    with Supervisor(folder, heap="320k") as board:
        board.wait_for(b"channel 4")
        board.wait_for(b"random 32 True")
        board.wait_for(b"and again 40 True")
        seed = (folder / "dsoftbus.seed").read_bytes()
        board.reset()
        while board.starts < 2:
            time.sleep(0.02)
        board.wait_for(b"and again 40 True")
        assert (folder / "dsoftbus.seed").read_bytes() != seed


def test_a_dead_converter_on_a_board(flash_of):
    folder = flash_of("rpi_pico")
    (folder / "lib/machine.py").write_text(DEAD)
    (folder / "main.py").write_text(compiler.program_source(MAIN))
    with Supervisor(folder, heap="320k") as board:
        board.wait_for(b"converter: repetition count")
    assert not (folder / "dsoftbus.seed").exists()
