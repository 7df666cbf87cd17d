"""A host that stores a file with a peer and fetches it again.

    python there_and_back.py HOST PORT KEY FILE FOLDER

KEY is the peer's public key. FILE comes back into FOLDER under its own name. A file arrives whole
or not at all: its SHA-256 is compared at the end.
"""

import sys
from pathlib import Path

from dsoftbus_host import BareBus, files, key_file, run


def progress(done: int, size: int) -> None:
    print(f"{done} of {size} bytes", file=sys.stderr)


async def main(host: str, port: int, peer: bytes, path: Path, folder: Path) -> None:
    async with BareBus(key_file.load_or_make(), "desk") as bus:
        session = await bus.connect(host, port, peer)
        stored = await files.send(session, path, progress)
        fetched = await files.fetch(session, path.name, folder)
        print("the same" if fetched == stored else "another file", fetched.hex())


_, host, port, key, path, folder = sys.argv
run(main(host, int(port), bytes.fromhex(key), Path(path), Path(folder)))
