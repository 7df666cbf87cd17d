"""`make bench-crypto`: bench/crypto.py on the MicroPython unix port, beside a TLS server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import sys
from pathlib import Path

import click
import tls_peer

ROOT = Path(__file__).parent.parent
OUTPUT = Path("build/bench/crypto.json")
LENGTH_BYTES = 10  # decimal, before the bulk


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes as many bytes as the client says and answers "ok"; a bare handshake just ends."""
    with contextlib.suppress(asyncio.IncompleteReadError, OSError, ssl.SSLError):
        left = int(await reader.readexactly(LENGTH_BYTES))
        while left > 0:
            left -= len(await reader.readexactly(min(left, 65536)))
        writer.write(b"ok")
        await writer.drain()
    writer.close()


async def run(*amounts: int) -> int:
    """Returns the exit status of the run on MicroPython."""
    context = tls_peer.server_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # the most that the port speaks
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    roots = [str(ROOT / root) for root in ("core", "micropython", "bench")]
    roots.append(".frozen")  # where ssl lies
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("micropython")),
        *("-X", "heapsize=4M"),
        *(str(ROOT / "bench" / "crypto.py"), str(port), "127.0.0.1", str(OUTPUT)),
        *map(str, amounts),
        env={**os.environ, "MICROPYPATH": ":".join(roots)},
    )
    status = await process.wait()
    server.close()
    return status


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Rounds of each measurement.")
@click.option("--sample-ms", default=40, show_default=True, help="How long a sample is.")
@click.option("--mb", default=8, show_default=True, help="Megabytes of a transfer.")
def main(rounds: int, sample_ms: int, mb: int) -> None:
    """Measures the crypto of the MicroPython unix port, beside its built-in ssl."""
    sys.exit(asyncio.run(run(rounds, sample_ms, mb)))


if __name__ == "__main__":
    main()
