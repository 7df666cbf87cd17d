"""HMAC (RFC 4231), HKDF (RFC 5869) and Noise's HKDF."""

from binascii import unhexlify

from dsoftbus.crypto import hkdf
from dsoftbus.crypto.suite import SHA256

# RFC 4231, the SHA-256 of cases 1 to 4, 6 and 7 (5 is of a truncated tag): key, data, tag.
HMAC_CASES = (
    (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)
# RFC 5869 appendix A.1 to A.3: ikm, salt, info, extracted key, output.
HKDF_CASES = (
    (
        b"\x0b" * 22,
        bytes(range(13)),
        bytes(range(0xF0, 0xFA)),
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c6"
        "5e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        b"\x0b" * 22,
        b"",
        b"",
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
)


def test_rfc_4231():
    for key, data, tag in HMAC_CASES:
        assert hkdf.hmac(SHA256.digest, 64, key, data) == unhexlify(tag)


def extract(hash, salt: bytes, ikm: bytes) -> bytes:
    """RFC 5869 section 2.2: a pseudorandom key of `hash.hash_len` bytes."""
    return hash.hmac(salt, ikm)


def expand(hash, key: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 section 2.3: `length` bytes from a pseudorandom key."""
    out = block = b""
    counter = 0
    while len(out) < length:
        counter += 1
        block = hash.hmac(key, block + info + bytes([counter]))
        out += block
    return out[:length]


def test_rfc_5869():
    for ikm, salt, info, key, output in HKDF_CASES:
        assert extract(SHA256, salt, ikm) == unhexlify(key)
        assert expand(SHA256, unhexlify(key), info, len(output) // 2) == unhexlify(output)


def test_noise_hkdf_is_rfc_5869_without_info():
    keys = hkdf.hkdf(SHA256, b"c" * 32, b"ikm", 3)
    expanded = expand(SHA256, extract(SHA256, b"c" * 32, b"ikm"), b"", 96)
    assert b"".join(keys) == expanded
    assert hkdf.hkdf(SHA256, b"c" * 32, b"ikm", 2) == keys[:2]
