"""A board that trusts one host, as provisioning leaves it, and that host's bus over its cable."""

import asyncio
import contextlib
import json

from dsoftbus.base.key_file import encode_secret
from dsoftbus.const import SMALL
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus_host import ANYONE, BareBus
from portable import TIMEOUT_S

OWNER = b"o" * 32
BOARD = b"b" * 32


def own(flash, *grants: str, **settings: object) -> None:
    """Lets the board whose file system is `flash` trust the owner with these grants."""
    store = TrustStore(SMALL)
    store.add(Entry(BareBus(OWNER).public, "owner", [grant(text) for text in grants]))
    (flash / "trust.json").write_text(store.encode())
    (flash / "dsoftbus.key").write_bytes(encode_secret(BOARD))
    path = flash / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def talk(board, story) -> object:
    """Runs `story(connection)`, with a session over the cable of `board`."""

    async def talked() -> object:
        async with (
            BareBus(OWNER, allow=ANYONE) as bus,
            await bus.open_serial(board.port).connect(BareBus(BOARD).public) as connection,
        ):
            return await story(connection)

    return asyncio.run(asyncio.wait_for(talked(), TIMEOUT_S))


async def read(connection, most: int = 1 << 30, **wanted: object) -> list:
    """Returns the first records of the board's log, as many as `most`."""
    found = []
    with contextlib.closing(connection.read_logs(**wanted)) as watch:
        async for record in watch:
            found.append(record)
            if len(found) == most:
                break
    return found
