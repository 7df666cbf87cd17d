"""Protection of stream links: in place, in order, rekeyed by both ends at the same record."""

from dsoftbus.const import REC_PROTECTED, REKEY_RECORDS
from dsoftbus.crypto.provider import suite as portable
from dsoftbus.noise.cipher_state import MAX_NONCE, CipherState
from dsoftbus.record.protect import RECORD_OVERHEAD, StreamProtect
from pairs import ToySuite
from support import Random, raises

ONE, TWO = b"1" * 32, b"2" * 32


def pair_of(suite, rekey: int = REKEY_RECORDS):
    def ciphers(key):
        return CipherState(suite, key)

    return (
        StreamProtect(ciphers(ONE), ciphers(TWO), rekey),
        StreamProtect(ciphers(TWO), ciphers(ONE), rekey),
    )


def sealed(protect, text: bytes, at: int = 0) -> bytes:
    out = bytearray(at + RECORD_OVERHEAD + len(text))
    out[at + 3 : at + 3 + len(text)] = text
    assert protect.seal(out, at, at + 3 + len(text)) == len(out)
    return bytes(out[at:])


def opened(protect, wire: bytes) -> bytes:
    buffer = bytearray(wire)
    stop = protect.open(buffer, 3, len(buffer))
    return bytes(buffer[3:stop])


def test_what_is_sealed_is_opened_at_any_place_and_length():
    for suite in (ToySuite(), portable(1)):
        one, two = pair_of(suite)
        random = Random(1)
        for n in (0, 1, 15, 16, 17, 100):
            text = random(n)
            wire = sealed(one, text, n)
            assert len(wire) == n + RECORD_OVERHEAD
            assert wire[2] == REC_PROTECTED and wire[0] << 8 | wire[1] == n + 17
            assert opened(two, wire) == text
            assert opened(one, sealed(two, text)) == text


def test_a_record_that_was_changed_cut_or_lengthened_is_refused():
    one, two = pair_of(ToySuite())
    wire = sealed(one, b"some text")
    for bit in range(24, 8 * len(wire)):
        wrong = bytearray(wire)
        wrong[bit // 8] ^= 1 << bit % 8
        raises("noise.reject.decrypt_failed", opened, two, wrong)
    for n in range(3, len(wire)):
        raises("noise.reject.decrypt_failed", opened, two, wire[:n])
    raises("noise.reject.decrypt_failed", opened, two, wire + b"\x00")
    assert opened(two, wire) == b"some text"  # nothing had moved


def test_replayed_reordered_and_reflected_records_are_refused():
    one, two = pair_of(ToySuite())
    first, second = sealed(one, b"first"), sealed(one, b"second")
    raises("noise.reject.decrypt_failed", opened, two, second)
    raises("noise.reject.decrypt_failed", opened, one, first)  # its own
    assert opened(two, first) == b"first"
    raises("noise.reject.decrypt_failed", opened, two, first)
    assert opened(two, second) == b"second"


def test_both_ends_change_keys_at_the_interval_and_only_there():
    suite = ToySuite()
    made = []

    def cipher(key):
        made.append(key)
        return ToySuite().cipher(key)

    suite.cipher = cipher
    one, two = pair_of(suite, 4)
    made.clear()
    for i in range(1, 41):
        wire = sealed(one, b"x")
        assert len(made) == 2 * ((i - 1) // 4) + (i % 4 == 0)
        assert opened(two, wire) == b"x"
        assert len(made) == 2 * (i // 4)
        if i % 4 == 0:
            assert made[-1] == made[-2]
    assert len(set(made)) == 10
    assert one._receive.n == two._send.n == 0  # the other direction counts for itself


def test_directions_do_not_share_a_rekey():
    one, two = pair_of(ToySuite(), 2)
    for i in range(7):
        assert opened(two, sealed(one, b"much")) == b"much"
        if i == 3:
            assert opened(one, sealed(two, b"little")) == b"little"


def test_nonces_end_before_they_repeat():
    one, two = pair_of(ToySuite(), 1 << 20)
    one._send.n = two._receive.n = MAX_NONCE
    raises("noise.reject.nonce_exhausted", sealed, one, b"x")
    raises("noise.reject.nonce_exhausted", opened, two, bytes(40))
