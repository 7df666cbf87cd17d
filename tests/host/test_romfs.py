"""Images for a board's ROM partition: MicroPython reads from them what was put in."""

import subprocess

from dsoftbus_host.board import romfs
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


def test_what_is_packed_is_there(tmp_path):
    (tmp_path / "image").write_bytes(romfs.packed(FILES))
    words = (micropython(), "-c", READ, str(tmp_path / "image"))
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert dict(map(eval, said.splitlines())) == {f"/rom/{k}": v for k, v in FILES.items()}


def test_an_image_of_nothing_is_an_image(tmp_path):
    assert romfs.packed({}) == b"\xd2\xcd\x31\x00"
