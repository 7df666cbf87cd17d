"""Certificates for the TLS around QUIC and WebSocket links.

They prove nothing about nodes: the session inside does. A client of `wss://` checks the server's
name all the same, as networks and pages expect; a client of QUIC does not (docs/security.md).
"""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import Any

from dsoftbus.errors import BAD_ARGUMENT, LocalError

_DAYS = 3650
_NAME = "dsoftbus"


# PEM files: a certificate, maybe with those that lead to its authority, and its key.
Certificate = tuple[Path, Path]


def self_signed() -> tuple[Any, Any]:
    """(certificate, private key), made now and kept in memory alone."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAME)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # for clients whose clocks are late
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(_NAME)]), critical=False)
    )
    return builder.sign(key, hashes.SHA256()), key


def server_context(certificate: Certificate | None) -> ssl.SSLContext:
    """The TLS of a listener of `wss://`. Raises LocalError(BAD_ARGUMENT), OSError."""
    if certificate is None:
        raise LocalError(BAD_ARGUMENT, "wss:// needs a certificate and its key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(*certificate)
    except ssl.SSLError as error:
        raise LocalError(BAD_ARGUMENT, f"{certificate[0]}: {error}") from None
    return context


def client_context(ca: Path | None) -> ssl.SSLContext:
    """The TLS of a client of `wss://`: it trusts the authorities in the file `ca`, or the
    system's. Raises LocalError(BAD_ARGUMENT), OSError."""
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except ssl.SSLError as error:
        raise LocalError(BAD_ARGUMENT, f"{ca}: {error}") from None
