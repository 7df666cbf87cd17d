"""The reference: asyncio streams over TLS 1.3, one process, the same shape as the buses."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from stopwatch import Spent, Stopwatch

_ONLY_CIPHER = """openssl_conf = all
[all]
ssl_conf = tls
[tls]
system_default = ciphers
[ciphers]
Ciphersuites = {}
"""
WRITE_BYTES = 32768
ECHO_BYTES = 32


def certificate() -> tuple[bytes, bytes]:
    """A self-signed P-256 certificate for localhost and its key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return cert.public_bytes(serialization.Encoding.PEM), private


def server_context() -> ssl.SSLContext:
    """TLS 1.3 with a fresh certificate."""
    cert, key = certificate()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with tempfile.TemporaryDirectory() as folder:
        pem = Path(folder, "pem")
        pem.write_bytes(cert + key)
        context.load_cert_chain(pem)
    return context


def client_context() -> ssl.SSLContext:
    """Takes any certificate: a check would only slow the reference down."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.contextmanager
def only_cipher(name: str) -> Iterator[None]:
    """Processes that begin within this block know one cipher of TLS 1.3. OpenSSL reads that from
    its configuration, once; `ssl` can say it from CPython 3.15 on."""
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as file:
        file.write(_ONLY_CIPHER.format(name))
        file.flush()
        before = os.environ.get("OPENSSL_CONF")
        os.environ["OPENSSL_CONF"] = file.name
        try:
            yield
        finally:
            del os.environ["OPENSSL_CONF"]
            if before is not None:
                os.environ["OPENSSL_CONF"] = before


class TlsPair:
    """A TLS server and its client in one process."""

    async def __aenter__(self) -> TlsPair:
        self._accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._accepted = asyncio.Queue()
        self._client_context = client_context()
        self._server = await asyncio.start_server(
            lambda r, w: self._accepted.put_nowait((r, w)),
            "127.0.0.1",
            0,
            ssl=server_context(),
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def cipher(self) -> str:
        """The name of the cipher that both ends choose."""
        _, writer = await self._open()
        _, back = await self._accepted.get()
        name: str = writer.get_extra_info("cipher")[0]
        await _close(writer, back)
        return name

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port, ssl=self._client_context)

    async def bulk(self, total: int) -> Spent:
        """`total` bytes on one connection."""
        _, writer = await self._open()
        reader, back = await self._accepted.get()
        data = bytes(WRITE_BYTES)

        async def send() -> None:
            for _ in range(total // WRITE_BYTES):
                writer.write(data)
                await writer.drain()

        async def drain() -> None:
            left = total
            while left > 0:
                left -= len(await reader.read(65536))

        with Stopwatch() as watch:
            await asyncio.gather(send(), drain())
        await _close(writer, back)
        return watch.spent

    async def round_trip(self, count: int) -> Spent:
        """So many times a write of 32 bytes, and its echo."""
        reader, writer = await self._open()
        far_reader, far_writer = await self._accepted.get()

        async def echo() -> None:
            while data := await far_reader.read(65536):
                far_writer.write(data)

        task = asyncio.ensure_future(echo())
        data = bytes(ECHO_BYTES)
        with Stopwatch() as watch:
            for _ in range(count):
                writer.write(data)
                await reader.readexactly(ECHO_BYTES)
        task.cancel()
        await _close(writer, far_writer)
        return watch.spent

    async def connects(self, count: int) -> Spent:
        """So many connections, opened and closed."""
        with Stopwatch() as watch:
            for _ in range(count):
                _, writer = await self._open()
                _, back = await self._accepted.get()
                await _close(writer, back)
        return watch.spent


async def _close(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
    for writer in writers:
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
