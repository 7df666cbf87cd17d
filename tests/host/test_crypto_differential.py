"""Three providers, one answer: portable code, OpenSSL, and MicroPython's kernels.

The kernels run in a MicroPython process that is asked line by line. The same code that answers
there, tests/micropython/provider.py, asks the other two.
"""

import subprocess
import sys
import types
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_checks import DRAFT, check_chachapoly, check_x25519
from draws import draws
from dsoftbus.const import SUITE_AESGCM_SHA256, SUITE_CHACHA_BLAKE2S, SUITE_CHACHA_SHA256
from dsoftbus.crypto.provider import suite as portable
from dsoftbus_host import crypto
from portable import ROOT, TESTS, micropython

CODES = (SUITE_CHACHA_SHA256, SUITE_CHACHA_BLAKE2S)

keys = st.one_of(st.binary(min_size=32, max_size=32), st.sampled_from([bytes(32), b"\xff" * 32]))
nonces = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 2**32 - 1, 2**32, 2**64 - 1]))
texts = st.one_of(st.binary(max_size=300), st.integers(0, 5000).map(lambda n: b"\xa5" * n))
ads = st.binary(max_size=40)
codes = st.sampled_from(CODES)


def verbs() -> dict:
    """The verbs of provider.py; the suite that they are given stands for the one of that board."""
    stub = types.ModuleType("dsoftbus_mpy")
    stub.crypto = None  # type: ignore[attr-defined] # only its main() uses it
    names: dict = {"__name__": "provider"}
    sys.modules["dsoftbus_mpy"] = stub
    try:
        exec((TESTS / "micropython/provider.py").read_text(), names)
    finally:
        del sys.modules["dsoftbus_mpy"]
    return names["VERBS"]


VERBS = verbs()


class Kernels:
    """A MicroPython process that answers for its suites."""

    def __init__(self) -> None:
        path = ":".join(str(ROOT / root) for root in ("core", "micropython"))
        self._process = subprocess.Popen(
            [*micropython(), str(TESTS / "micropython/provider.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"MICROPYPATH": path},
            text=True,
        )

    def ask(self, code: int, verb: str, arguments: tuple[bytes, ...]) -> bytes | None:
        values = ",".join(value.hex() for value in arguments)
        self._process.stdin.write(f"{code} {verb} {values}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        return None if answer == "refused" else bytes.fromhex(answer)

    def close(self) -> None:
        self._process.stdin.close()
        assert self._process.wait(10) == 0
        self._process.stdout.close()


@pytest.fixture(scope="module")
def kernels() -> Iterator[Kernels]:
    process = Kernels()
    yield process
    process.close()


def agree(kernels: Kernels, code: int, verb: str, *arguments: bytes) -> bytes | None:
    """Returns the answer on which all three providers agree."""
    answer = VERBS[verb](crypto.suite(code), *arguments)
    assert VERBS[verb](portable(code), *arguments) == answer
    assert kernels.ask(code, verb, arguments) == answer
    return answer


@given(codes, keys, nonces, ads, texts, st.data())
def test_aead(kernels, code, key, n, ad, plain, data):
    nonce = n.to_bytes(8, "big")
    sealed = agree(kernels, code, "seal", key, nonce, ad, plain)
    assert agree(kernels, code, "open", key, nonce, ad, sealed) == plain
    at = data.draw(st.integers(0, len(sealed) - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    damaged = sealed[:at] + bytes([sealed[at] ^ bit]) + sealed[at + 1 :]
    assert agree(kernels, code, "open", key, nonce, ad, damaged) is None
    cut = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    assert agree(kernels, code, "open", key, nonce, ad, cut) is None


@given(keys, keys)
@settings(max_examples=draws(50))
def test_x25519(kernels, secret, public):
    agree(kernels, SUITE_CHACHA_SHA256, "public", secret)
    agree(kernels, SUITE_CHACHA_SHA256, "exchange", secret, public)


@given(codes, st.binary(max_size=200), texts)
def test_hashes(kernels, code, key, data):
    agree(kernels, code, "digest", data)
    agree(kernels, code, "hmac", key, data)


@pytest.mark.parametrize("code", CODES)
def test_openssl_and_the_published_vectors(code):
    check_chachapoly(crypto.suite(code).cipher, (DRAFT,))
    check_x25519(crypto.suite(code).keypair)


@given(keys, nonces, ads, texts)
def test_aesgcm_is_the_library_s(key, n, ad, plain):
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = n.to_bytes(8, "big")
    suite = crypto.suite(SUITE_AESGCM_SHA256)
    sealed = VERBS["seal"](suite, key, nonce, ad, plain)
    assert sealed == AESGCM(key).encrypt(bytes(4) + nonce, plain, ad)
    assert VERBS["open"](suite, key, nonce, ad, sealed) == plain
    assert VERBS["open"](suite, key, nonce, ad + b"x", sealed) is None


@pytest.mark.parametrize("code", [SUITE_CHACHA_SHA256, SUITE_CHACHA_BLAKE2S])
@settings(max_examples=draws(40))
@given(
    key=st.binary(min_size=32, max_size=32),
    ikm=st.binary(max_size=200),
    outputs=st.integers(1, 3),
)
def test_hkdf_of_openssl_is_the_portable_one(code, key, ikm, outputs):
    found = crypto.suite(code).hash.hkdf(key, ikm, outputs)
    assert found == portable(code).hash.hkdf(key, ikm, outputs)
