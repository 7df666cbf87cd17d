"""A host that stores a file with a peer and fetches it again.

    python there_and_back.py HOST PORT KEY FILE FOLDER

KEY is the peer's public key. FILE comes back into FOLDER under its own name. A file arrives whole
or not at all, and its SHA-256 is compared. Should this be cut, give the command again: it goes on
where it stopped.
"""

import sys
from pathlib import Path

from dsoftbus_host import BareBus, key_file, run


def progress(done: int, size: int) -> None:
    print(f"{done} of {size} bytes", file=sys.stderr)


async def main(host: str, port: int, peer: bytes, path: Path, folder: Path) -> None:
    async with BareBus(key_file.load_or_make(), "desk") as bus:
        session = await bus.connect(host, port, peer)
        [stored] = await session.send(path, progress=progress)
        [fetched] = await session.fetch(path.name, folder)
        same = fetched.digest == stored.digest
        print("the same" if same else "another file", fetched.digest.hex())


_, host, port, key, path, folder = sys.argv
run(main(host, int(port), bytes.fromhex(key), Path(path), Path(folder)))
