"""The reference for datagrams: aioquic over UDP, one process, the same shape as the buses."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.quic.configuration import QuicConfiguration
from stopwatch import Spent, Stopwatch
from tls_peer import ECHO_BYTES, WRITE_BYTES, certificate

WINDOW_BYTES = 1 << 23  # about what a bus gives a session


class QuicPair:
    """A QUIC server and its client in one process, and a connection between them."""

    async def __aenter__(self) -> QuicPair:
        self._arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._arrived = asyncio.Queue()
        self._stack = contextlib.AsyncExitStack()
        self._server = await serve(
            "127.0.0.1",
            0,
            configuration=_server(),
            stream_handler=lambda *ends: self._arrived.put_nowait(ends),
        )
        port = self._server._transport.get_extra_info("sockname")[1]
        self._client: QuicConnectionProtocol = await self._stack.enter_async_context(
            connect("127.0.0.1", port, configuration=_client())
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        self._server.close()

    async def bulk(self, total: int) -> Spent:
        """`total` bytes on one stream."""
        _, writer = await self._client.create_stream()
        data = bytes(WRITE_BYTES)
        with Stopwatch() as watch:
            for _ in range(total // WRITE_BYTES):
                writer.write(data)
                await writer.drain()
            reader, _ = await self._arrived.get()
            left = total
            while left > 0:
                left -= len(await reader.read(65536))
        writer.write_eof()
        return watch.spent

    async def round_trip(self, count: int) -> Spent:
        """So many times a write of 32 bytes, and its echo."""
        reader, writer = await self._client.create_stream()
        data = bytes(ECHO_BYTES)
        writer.write(data)
        far_reader, far_writer = await self._arrived.get()
        echo = asyncio.ensure_future(_echo(far_reader, far_writer))
        await reader.readexactly(ECHO_BYTES)
        with Stopwatch() as watch:
            for _ in range(count):
                writer.write(data)
                await reader.readexactly(ECHO_BYTES)
        echo.cancel()
        writer.write_eof()
        return watch.spent


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)


def _server() -> QuicConfiguration:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem, key = certificate()
    found = QuicConfiguration(is_client=False, alpn_protocols=["x"], **_windows())
    found.certificate = x509.load_pem_x509_certificate(pem)
    found.private_key = load_pem_private_key(key, None)
    return found


def _client() -> QuicConfiguration:
    return QuicConfiguration(
        is_client=True, alpn_protocols=["x"], verify_mode=ssl.CERT_NONE, **_windows()
    )


def _windows() -> dict[str, int]:
    return {"max_data": WINDOW_BYTES, "max_stream_data": WINDOW_BYTES}
