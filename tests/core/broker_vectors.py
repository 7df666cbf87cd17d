"""Makes the vectors of the broker's tests from the formulas of docs/broker.md, by the standard
library and OpenSSL alone: `python3 tests/core/broker_vectors.py`."""

import hashlib
import hmac
from base64 import b32encode
from struct import pack

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

SECRET = bytes(range(32))
DEVICE = "abcdefghijklmnopqrstuvwxyz"
PEER = "zyxwvutsrqponmlkjihgfedcba"
DAY = 20788
NOON = DAY * 86400 + 43200


def code(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, "sha256").digest()


def key(label: int, epoch: int) -> bytes:
    return code(SECRET, b"dsoftbus-group-1" + bytes([label]) + pack(">I", epoch))


def text(raw: bytes) -> str:
    return b32encode(raw).decode().lower().rstrip("=")


def token(name: bytes, prefix: bytes, broker: bytes) -> str:
    body = b"\x01" + SECRET + bytes([len(name)]) + name + bytes([len(prefix)]) + prefix
    body += pack(">H", len(broker)) + broker
    return "dsoftbus-group:" + text(body + hashlib.sha256(body).digest()[:4])


def letter(datagram: bytes) -> bytes:
    """A letter from DEVICE to PEER, written at noon."""
    head = b"\x01" + pack(">I", NOON) + code(key(5, DAY), DEVICE.encode())[:10]
    to = code(key(5, DAY), PEER.encode())[:10]
    return head + code(key(3, DAY), to + head + datagram)[:8] + datagram


def card(announcement: bytes) -> bytes:
    """The card of DEVICE, made at noon, for ten minutes."""
    nonce = bytes(range(12))
    plain = pack(">IH", NOON + 600, len(announcement)) + announcement
    plain += bytes(-len(plain) % 256)
    slot = code(key(6, DAY), DEVICE.encode())[:10]
    cipher = ChaCha20Poly1305(code(key(4, DAY), nonce))
    return b"\x02" + nonce + cipher.encrypt(bytes(12), plain, slot)


def clock() -> bytes:
    nonce = bytes(range(12))
    cipher = ChaCha20Poly1305(code(key(8, 0), nonce))
    return b"\x03" + nonce + cipher.encrypt(bytes(12), pack(">I", NOON), b"clock")


def main() -> None:
    print("inboxes", "b/" + text(key(1, DAY)[:10]))
    print("cards", "b/" + text(key(2, DAY)[:10]))
    print("inbox", code(key(5, DAY), DEVICE.encode())[:10].hex())
    print("slot", code(key(6, DAY), DEVICE.encode())[:10].hex())
    print("clock", "b/" + text(key(7, 0)[:10]))
    print("token", token(b"home", b"b", b"mqtt://broker.example:1883"))
    print("letter", letter(b"datagram").hex())
    print("card", hashlib.sha256(card(b"announcement")).hexdigest())
    print("clock", clock().hex())


if __name__ == "__main__":
    main()
