"""HMAC (RFC 2104) and the HKDF of Noise (section 4.3), over any suite's hash."""

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Data
    from dsoftbus.crypto.suite import Hash


def hmac(digest: "Callable[[Data], bytes]", block_len: int, key: "Data", data: "Data") -> bytes:
    """HMAC of `data` under `key` (any length) by `digest(data)`, which has `block_len` blocks."""
    if len(key) > block_len:
        key = digest(key)
    block = bytes(key) + bytes(block_len - len(key))
    inner = digest(bytes([byte ^ 0x36 for byte in block]) + bytes(data))
    return digest(bytes([byte ^ 0x5C for byte in block]) + inner)


def hkdf(hash: "Hash", chaining_key: bytes, ikm: "Data", outputs: int) -> tuple[bytes, ...]:
    """`outputs` (1 to 3) keys of `hash.hash_len` bytes each: Noise's HKDF, which has no info."""
    secret = hash.hmac(chaining_key, ikm)
    block = b""
    keys = []
    for i in range(1, outputs + 1):
        block = hash.hmac(secret, block + bytes([i]))
        keys.append(block)
    return tuple(keys)
