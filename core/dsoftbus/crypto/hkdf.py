"""HMAC (RFC 2104), HKDF (RFC 5869) and the HKDF of Noise (section 4.3), over any suite's hash."""

_IPAD = bytes(i ^ 0x36 for i in range(256))
_OPAD = bytes(i ^ 0x5C for i in range(256))


def hmac(digest, block_len: int, key, data) -> bytes:
    """HMAC of `data` under `key` (any length) by `digest(data)`, which has `block_len` blocks."""
    if len(key) > block_len:
        key = digest(key)
    block = bytearray(block_len)
    block[: len(key)] = key
    inner = digest(bytes([_IPAD[byte] for byte in block]) + bytes(data))
    return digest(bytes([_OPAD[byte] for byte in block]) + inner)


def hkdf(hash, chaining_key: bytes, ikm: bytes, outputs: int) -> tuple:
    """`outputs` (1 to 3) keys of `hash.hash_len` bytes each: Noise's HKDF, which has no info."""
    secret = hash.hmac(chaining_key, ikm)
    block = b""
    keys = []
    for i in range(1, outputs + 1):
        block = hash.hmac(secret, block + bytes([i]))
        keys.append(block)
    return tuple(keys)


def extract(hash, salt: bytes, ikm: bytes) -> bytes:
    """RFC 5869 section 2.2: a pseudorandom key of `hash.hash_len` bytes."""
    return hash.hmac(salt, ikm)


def expand(hash, key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 section 2.3: `length` bytes (at most 255 * hash_len) from a pseudorandom key."""
    if length > 255 * hash.hash_len:
        raise ValueError("HKDF expands to 255 blocks at most")
    out = block = b""
    counter = 0
    while len(out) < length:
        counter += 1
        block = hash.hmac(key, block + info + bytes([counter]))
        out += block
    return out[:length]
