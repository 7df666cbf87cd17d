"""Images for a board's ROM partition: MicroPython reads from them what was put in."""

import subprocess

import pytest

from dsoftbus_host.board import install, partition, romfs
from dsoftbus_host.board.make import boards
from dsoftbus_host.board.remote import ARCHITECTURES
from portable import micropython

FILES = {
    "lib/b/c/d.txt": b"deep",
    "lib/b/a.txt": bytes(range(256)) * 3,
    "lib/b.txt": b"",
    "lib/a.txt": b"first",
    "top.txt": b"at the top",
}
READ = """
import os, sys, vfs
with open(sys.argv[1], "rb") as file:
    vfs.mount(vfs.VfsRom(file.read()), "/rom")
def walk(folder):
    for name, kind, *_ in os.ilistdir(folder):
        path = folder + "/" + name
        if kind & 0x4000:
            walk(path)
        else:
            with open(path, "rb") as file:
                print(repr((path, file.read())))
walk("/rom")
"""


def unpacked(image: bytes, folder) -> dict[str, bytes]:
    """Returns the files that MicroPython finds in an image."""
    (folder / "image").write_bytes(image)
    words = (*micropython(), "-c", READ, str(folder / "image"))
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return {path.removeprefix("/rom/"): data for path, data in map(eval, said.splitlines())}


def test_what_is_packed_is_there(tmp_path):
    assert unpacked(partition.packed(FILES), tmp_path) == FILES


def test_an_image_of_nothing_is_an_image(tmp_path):
    assert unpacked(partition.packed({}), tmp_path) == {}


def architecture_of(mpy: bytes) -> str:
    """Returns the architecture of its machine code; "" if it has none. Source:
    docs.micropython.org, mpyfiles."""
    return ARCHITECTURES[mpy[2] >> 2 & 0x1F]


@pytest.mark.parametrize("board", boards.every().values(), ids=list(boards.every()))
def test_the_image_of_a_board_is_its_installation_in_bytecode(board, tmp_path):
    image = romfs.image(board, board.architecture)
    assert image == romfs.image(board, board.architecture)
    held = unpacked(image, tmp_path)
    files = install.files_for(board, board.architecture)
    profile = files.pop("lib/dsoftbus_profile.py")
    assert b"class PROFILE" in profile and held.pop("lib/dsoftbus_profile.mpy")[:1] == b"M"
    assert held == files
    assert {architecture_of(mpy) for mpy in files.values()} == {"", board.architecture}
    kernels = "thumb" if board.architecture[:4] == "armv" else "kernels"
    assert architecture_of(files[f"lib/dsoftbus_{kernels}.mpy"]) == board.architecture
