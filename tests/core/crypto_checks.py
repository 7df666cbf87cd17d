"""Published vectors as checks that any provider's functions can be put to.

The portable code, the kernels and OpenSSL each run them; the odd Wycheproof cases are not here.
"""

from binascii import hexlify, unhexlify

from support import Skip, vectors

X25519_EVEN = 259
X25519_ZEROS = 16
CHACHAPOLY_EVEN = 162
CHACHAPOLY_OTHER_NONCE = 4  # of those, cases whose nonce is not of 12 bytes

BASE = b"\x09" + bytes(31)
# RFC 7748 section 5.2: scalar, point, product.
RFC_7748 = (
    (
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ),
    (
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ),
    (  # the first round of the iterated test
        "0900000000000000000000000000000000000000000000000000000000000000",
        "0900000000000000000000000000000000000000000000000000000000000000",
        "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079",
    ),
)
# RFC 7748 section 6.1: two secrets, their public keys, the shared secret.
ALICE = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
ALICE_PUBLIC = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
BOB = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
BOB_PUBLIC = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
SHARED = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
# Points of orders 1, 2, 4 and 8, some of them not reduced modulo p.
LOW_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)

# RFC 8439 section 2.8.2: key, salt, n, associated data, plaintext, ciphertext and tag.
SUNSCREEN = (
    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    0x00000007,
    0x4746454443424140,
    "50515253c0c1c2c3c4c5c6c7",
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
    b"future, sunscreen would be it.",
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92"
    "728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b"
    "4831d7bc3ff4def08e4b7a9de576d26586cec64b6116"
    "1ae10b594f09e26a7e902ecbd0600691",
)
# RFC 8439 appendix A.5; its nonce begins with four zero bytes, as Noise's nonces do.
DRAFT = (
    "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
    0,
    0x0807060504030201,
    "f33388860000000000004e91",
    b"Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
    b"replaced, or obsoleted by other documents at any time. It is inappropriate to use "
    b"Internet-Drafts as reference material or to cite them other than as "
    b"/\xe2\x80\x9cwork in progress./\xe2\x80\x9d",
    "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d"
    "26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1"
    "ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b"
    "5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea"
    "1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d36"
    "1094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709b"
    "eead9d67890cbb22392336fea1851f38",
)


def check_x25519(keypair) -> None:
    """RFC 7748, and zeros for every point of low order."""
    for scalar, point, product in RFC_7748:
        assert keypair(unhexlify(scalar)).exchange(unhexlify(point)) == unhexlify(product)
    alice = keypair(unhexlify(ALICE))
    bob = keypair(unhexlify(BOB))
    assert alice.public == unhexlify(ALICE_PUBLIC) and bob.public == unhexlify(BOB_PUBLIC)
    assert alice.exchange(bob.public) == bob.exchange(alice.public) == unhexlify(SHARED)
    for point in LOW_ORDER:
        assert alice.exchange(unhexlify(point)) == bytes(32)


def check_aead_case(aead, n: int, ad: bytes, plain: bytes, sealed: bytes) -> None:
    """Both ways, between buffers and in place, at offsets; then with each end damaged."""
    buffer = bytearray(len(sealed) + 7)
    assert aead.seal(n, ad, plain, 0, len(plain), buffer, 3) == 3 + len(sealed)
    assert buffer == bytes(3) + sealed + bytes(4), hexlify(buffer)
    assert aead.open(n, ad, buffer, 3, 3 + len(sealed), buffer, 3) == 3 + len(plain)
    assert buffer[3 : 3 + len(plain)] == plain
    assert aead.seal(n, ad, buffer, 3, 3 + len(plain), buffer, 3) == 3 + len(sealed)
    assert buffer[3 : 3 + len(sealed)] == sealed
    assert not opens(aead, n + 1, ad, sealed)
    assert not opens(aead, n, ad + b"\0", sealed)
    for at in (0, len(sealed) - 16, len(sealed) - 1):
        assert not opens(aead, n, ad, damaged(sealed, at))


def opens(aead, n: int, ad: bytes, sealed: bytes) -> bool:
    return aead.open(n, ad, sealed, 0, len(sealed), bytearray(len(sealed)), 0) >= 0


def damaged(data: bytes, at: int) -> bytes:
    """`data` with one bit of the byte at `at` turned over."""
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def check_chachapoly(cipher, cases=(SUNSCREEN, DRAFT)) -> None:
    """RFC 8439; a provider that takes no salt is given the second case alone."""
    for key, salt, n, ad, plain, sealed in cases:
        aead = cipher(unhexlify(key), salt) if salt else cipher(unhexlify(key))
        check_aead_case(aead, n, unhexlify(ad), plain, unhexlify(sealed))


def wycheproof(name: str) -> list:
    """The tests in a Wycheproof file, with their group; Skip where the files are not here."""
    found = vectors(name)
    if found is None:
        raise Skip(name + " is not in shared/vectors")
    return [(group, case) for group in found["testGroups"] for case in group["tests"]]


def check_wycheproof_x25519(keypair) -> None:
    """Every product as given; "acceptable" cases are right results of odd points, zero included.

    Zeros are refused by Noise's handshake, not here (docs/security.md).
    """
    zeros = count = 0
    for _, case in wycheproof("wycheproof_x25519_test_even.json"):
        shared = keypair(unhexlify(case["private"])).exchange(unhexlify(case["public"]))
        assert shared == unhexlify(case["shared"]), case["tcId"]
        zeros += shared == bytes(32)
        assert ("ZeroSharedSecret" in case["flags"]) == (shared == bytes(32)), case["tcId"]
        count += 1
    assert count == X25519_EVEN
    assert zeros == X25519_ZEROS, zeros


def check_wycheproof_chachapoly(cipher) -> None:
    """Every case with a nonce of 12 bytes; the interface cannot express the others at all."""
    count = other = 0
    for group, case in wycheproof("wycheproof_chacha20_poly1305_test_even.json"):
        count += 1
        if group["ivSize"] != 96:
            assert case["result"] == "invalid", case["tcId"]
            other += 1
            continue
        iv = unhexlify(case["iv"])
        aead = cipher(unhexlify(case["key"]), int.from_bytes(iv[:4], "little"))
        n = int.from_bytes(iv[4:], "little")
        sealed = unhexlify(case["ct"] + case["tag"])
        ad = unhexlify(case["aad"])
        if case["result"] == "valid":
            check_aead_case(aead, n, ad, unhexlify(case["msg"]), sealed)
        else:
            assert not opens(aead, n, ad, sealed), case["tcId"]
    assert (count, other) == (CHACHAPOLY_EVEN, CHACHAPOLY_OTHER_NONCE), (count, other)
