"""`make bench-resume`: what a session costs that begins with a ticket (docs/resumption.md).

Its parts: connects beside those of asyncio's TLS 1.3, both resumed, in wall and in CPU time of
one process with both ends; the instructions of a board's crypto in a handshake of each kind, as a
Cortex-M0 takes them, and of all that a node on the unix port does for a session; and the time from
the start of such a node until a hub has its state, in parts.
"""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

import click
import table
import thumb_counts
import tls_peer
from bench import AES, CONNECTS, SUITES, BusPair, _alone, compared, rows
from resume_board import instructions
from resume_start import started
from resumed_crypto import Done, crypto_of
from stopwatch import Figure, report

OUTPUT = Path("build/bench/resume.json")


class Resumed(ssl.SSLContext):
    """A client's context that begins each connection with the session of the one before it."""

    last: ssl.SSLSession | None = None

    def wrap_bio(self, *args: object, **named: object) -> ssl.SSLObject:  # type: ignore[override]
        return super().wrap_bio(*args, **{**named, "session": self.last})  # type: ignore[arg-type]


class ResumedTls(tls_peer.TlsPair):
    """TLS whose connections are resumed but for the first."""

    async def __aenter__(self) -> ResumedTls:
        await super().__aenter__()
        self._client_context = context = Resumed(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        reader, writer = await self._open()
        _, back = await self._accepted.get()
        back.write(b"!")  # tickets come before it
        await reader.readexactly(1)
        context.last = writer.get_extra_info("ssl_object").session
        await tls_peer._close(writer, back)
        _, writer = await self._open()
        _, back = await self._accepted.get()
        if not writer.get_extra_info("ssl_object").session_reused:
            raise SystemExit("this OpenSSL does not resume")
        await tls_peer._close(writer, back)
        return self


async def _connects(suite: str, rounds: int, connects: int) -> list[dict]:
    code, _ = SUITES[suite]
    figure = Figure("1/s", connects, True)
    found = []
    async with BusPair(code) as full, BusPair(code, resume=True) as ours:
        async with tls_peer.TlsPair() as tls, ResumedTls() as resumed:
            ends = (ours, resumed)
            spent = await compared(
                rounds, [lambda end=end: end.connects(connects) for end in ends]
            )
            found += rows(spent, ["connects, both resumed"], figure, "asyncio TLS 1.3, resumed")
            ends = (full, tls)
            spent = await compared(
                rounds, [lambda end=end: end.connects(connects) for end in ends]
            )
            found += rows(spent, ["connects, both full"], figure, "asyncio TLS 1.3")
        ends = (ours, full)
        spent = await compared(rounds, [lambda end=end: end.connects(connects) for end in ends])
        found += rows(spent, ["connects, resumed"], figure, "the bus, full handshakes")
    return found


# Instructions of a Cortex-M0 for one block of SHA-256: the transform of crypto-algorithms, which
# MicroPython has, as clang makes it for thumbv6m with -Os, run on the emulated core once.
SHA256_BLOCK = 6002


def _instructions(bits: int) -> list[dict]:
    """A board's crypto as initiator, in instructions of a Cortex-M0 with the Thumb kernels."""
    run = thumb_counts.run_by_thumb
    own = thumb_counts.x25519("thumb_field25519", run, "_STEP_OF_BASE", bits)
    other = thumb_counts.x25519("thumb_field25519", run, "_STEP", bits)

    def cost(done: Done) -> int:
        sealed = sum(thumb_counts.thumb_seal(size, 0) for size in done.sealed)
        return done.keys * own + done.exchanges * other + done.blocks * SHA256_BLOCK + sealed

    full, default, sleeper = (cost(crypto_of(kind)) for kind in ("full", "default", "sleeper"))
    return [
        table.row("a handshake's crypto, default", default, "instr.", "full", full),
        table.row("a handshake's crypto, sleeper", sleeper, "instr.", "full", full),
    ]


def _wakes(rounds: int) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        return instructions(Path(folder)) + started(rounds, Path(folder))


@click.command()
@click.option("--rounds", default=9, show_default=True, help="Rounds of each comparison.")
@click.option("--connects", default=CONNECTS, show_default=True, help="Sessions in a round.")
@click.option(
    "--bits", default=thumb_counts.BITS, show_default=True, help="Bits of a board's scalars."
)
def main(rounds: int, connects: int, bits: int) -> None:
    """Compares sessions that begin with a ticket with full ones, and with TLS."""
    found = _alone(SUITES[AES][1], _connects, AES, rounds, connects)
    found += _instructions(bits)
    found += _wakes(rounds)
    report(found, OUTPUT)


if __name__ == "__main__":
    main()
