"""The crypto of this MicroPython as ratios of one run; on a board as on the unix port.

`make bench-crypto` runs it on the unix port beside a TLS server. On a board, with dsoftbus and
dsoftbus_mpy installed: `mpremote cp bench/table.py : + run bench/crypto.py`. Arguments, all
optional: the TLS server's port and address, a file for the rows as JSON, the number of rounds, how
long a sample is in ms, and the megabytes of a transfer.

Each figure is the best of the rounds, taken in turn with its reference, because what else the
machine does only adds to a time.
"""

import hashlib
import os
import sys
import time

import table

from dsoftbus.crypto import provider as portable
from dsoftbus.noise.handshake_state import HandshakeState
from dsoftbus_mpy import crypto

# The last arguments, if they are given.
rounds = 5
sample_ms = 40  # long beside the clock's tick
bulk_bytes = 8 * 1024 * 1024
RECORD = 4096
PACKET = 400
TAG = 16
CHUNK = 16384
P = (1 << 255) - 19


def textbook(scalar, point) -> bytes:
    """The ladder of RFC 7748 section 5 on big integers as it is written there: the reference."""
    scalar = bytearray(scalar)
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    k = int.from_bytes(scalar, "little")
    x1 = int.from_bytes(point, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if bit != swap:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a = (x2 + z2) % P
        aa = a * a % P
        b = (x2 - z2) % P
        bb = b * b % P
        e = (aa - bb) % P
        da = (x3 - z3) % P * a % P
        cb = (x3 + z3) % P * b % P
        x3 = (da + cb) % P
        x3 = x3 * x3 % P
        z3 = (da - cb) % P
        z3 = x1 * (z3 * z3 % P) % P
        x2 = aa * bb % P
        z2 = e * ((aa + 121665 * e % P) % P) % P
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def once_us(call) -> float:
    """Microseconds a call, over as many calls as fill a sample."""
    calls = 1
    while True:
        start = time.ticks_us()
        for _ in range(calls):
            call()
        spent = time.ticks_diff(time.ticks_us(), start)
        if spent > sample_ms * 500:
            return spent / calls
        calls = max(2 * calls, calls * sample_ms * 1000 // max(spent, 1))


def best_us(*calls) -> list:
    """The best time of each call, over the rounds, in which they take turns."""
    best = [once_us(call) for call in calls]
    for _ in range(rounds - 1):
        best = [min(best[i], once_us(call)) for i, call in enumerate(calls)]
    return best


def x25519_rows() -> list:
    secret = bytes(range(1, 33))
    ours = crypto.keypair(secret)
    twin = portable.keypair(secret)
    point = crypto.keypair(bytes(range(2, 34))).public
    if not ours.exchange(point) == twin.exchange(point) == textbook(secret, point):
        raise ValueError("the implementations do not agree")
    kernel, bigint, book = best_us(
        lambda: ours.exchange(point), lambda: twin.exchange(point), lambda: textbook(secret, point)
    )
    return [
        speed("X25519", kernel, "textbook ladder", book),
        speed("X25519", kernel, "portable code", bigint),
        speed("X25519, portable code", bigint, "textbook ladder", book),
    ]


def speed(name: str, spent_us: float, reference: str, reference_us: float) -> dict:
    """A row of times whose ratio is how many times as fast `name` is."""
    row = table.row(name, spent_us / 1000, "ms", reference, reference_us / 1000)
    row["ratio"] = reference_us / spent_us
    return row


def aead_calls(cipher, size: int) -> tuple:
    """(seal, open), each from one buffer to another, `size` bytes without associated data."""
    aead = cipher(bytes(range(32)))
    plain = bytearray(os.urandom(size))
    sealed = bytearray(size + TAG)
    opened = bytearray(size)
    aead.seal(1, b"", plain, 0, size, sealed, 0)
    if aead.open(1, b"", sealed, 0, size + TAG, opened, 0) != size or opened != plain:
        raise ValueError("what was sealed does not open")
    return (
        lambda: aead.seal(1, b"", plain, 0, size, sealed, 0),
        lambda: aead.open(1, b"", sealed, 0, size + TAG, opened, 0),
    )


def aead_rows(size: int) -> list:
    data = bytes(RECORD)
    seal, open_ = aead_calls(crypto.suite().cipher, size)
    seal_twin, open_twin = aead_calls(portable.suite().cipher, size)
    times = best_us(lambda: hashlib.sha256(data).digest(), seal, open_, seal_twin, open_twin)
    sha = RECORD / times[0]
    rows = []
    for verb, kernel, twin in (("seal", times[1], times[3]), ("open", times[2], times[4])):
        name = f"ChaCha20-Poly1305 {verb} {size} B"
        rows.append(table.row(name, size / kernel, "MB/s", "C hashlib.sha256, 4 KiB", sha))
        rows.append(table.row(name, size / kernel, "MB/s", "portable code", size / twin))
    return rows


def blake2s_rows() -> list:
    data = bytes(RECORD)
    ours = crypto.suite(2).hash.digest
    twin = portable.suite(2).hash.digest
    sha, kernel, slow = best_us(
        lambda: hashlib.sha256(data).digest(), lambda: ours(data), lambda: twin(data)
    )
    value = RECORD / kernel
    return [
        table.row("BLAKE2s 4096 B", value, "MB/s", "C hashlib.sha256, 4 KiB", RECORD / sha),
        table.row("BLAKE2s 4096 B", value, "MB/s", "portable code", RECORD / slow),
    ]


def handshake_call(suite):
    """A whole XK handshake, both sides; static keys are made before, as a node's are."""
    ours = suite.keypair(bytes(range(1, 33)))
    theirs = suite.keypair(bytes(range(2, 34)))

    def handshake():
        initiator = HandshakeState(suite, "XK", True, b"", ours, theirs.public, os.urandom)
        responder = HandshakeState(suite, "XK", False, b"", theirs, None, os.urandom)
        responder.read_message(initiator.write_message())
        initiator.read_message(responder.write_message())
        responder.read_message(initiator.write_message())
        return initiator.split(), responder.split()

    return handshake


def handshake_rows(tls) -> list:
    calls = [handshake_call(crypto.suite()), handshake_call(portable.suite())]
    if tls:
        calls.append(tls.handshake)
    times = best_us(*calls)
    name = "XK handshake, both sides"
    rows = [speed(name, times[0], "portable code", times[1])]
    if tls:
        rows.append(speed(name, times[0], "built-in ssl handshake", times[2]))
    return rows


class Tls:
    """The built-in ssl to the server of bench_crypto.py: connects, sends, is answered."""

    def __init__(self, port: int, host: str):
        import socket
        import ssl

        self._socket = socket
        self._wrap = ssl.wrap_socket
        self._address = socket.getaddrinfo(host, port)[0][-1]

    def _connect(self):
        plain = self._socket.socket()
        plain.connect(self._address)
        return self._wrap(plain)

    def handshake(self) -> None:
        self._connect().close()

    def bulk_mb_s(self) -> float:
        """bulk_bytes in chunks, until the server has said that it has them all."""
        link = self._connect()
        chunk = bytes(CHUNK)
        start = time.ticks_us()
        link.write(b"%10d" % bulk_bytes)
        for _ in range(bulk_bytes // CHUNK):
            link.write(chunk)
        answer = link.read(2)
        spent = time.ticks_diff(time.ticks_us(), start)
        link.close()
        if answer != b"ok":
            raise OSError("the server did not take it all")
        return bulk_bytes / spent


def bulk_rows(tls) -> list:
    """Sealing alone beside the whole of a TLS transfer, which has a socket and a peer in it."""
    seal = aead_calls(crypto.suite().cipher, RECORD)[0]
    theirs = max([tls.bulk_mb_s() for _ in range(min(rounds, 3))])
    return [table.row("seal 4096 B", RECORD / best_us(seal)[0], "MB/s", "ssl bulk", theirs)]


def main(port: str = "", host: str = "127.0.0.1", output: str = "", *amounts: str) -> None:
    global rounds, sample_ms, bulk_bytes
    if amounts:
        rounds, sample_ms, megabytes = map(int, amounts)
        bulk_bytes = megabytes * 1024 * 1024
    tls = Tls(int(port), host) if port else None
    rows = x25519_rows() + aead_rows(RECORD) + aead_rows(PACKET) + blake2s_rows()
    rows += handshake_rows(tls)
    if tls:
        rows += bulk_rows(tls)
    else:
        print("no TLS server given: the rows beside the built-in ssl are left out")
    table.show(rows)
    if output:
        table.write(rows, output)


main(*sys.argv[1:])
