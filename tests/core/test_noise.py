"""Noise: published vectors, and a state that nothing which fails can move."""

from binascii import hexlify, unhexlify

from crypto_checks import LOW_ORDER
from dsoftbus.const import SUITE_CHACHA_BLAKE2S, SUITE_CHACHA_SHA256
from dsoftbus.crypto.provider import suite as portable
from dsoftbus.errors import ENTROPY_UNAVAILABLE, LocalError
from dsoftbus.noise.cipher_state import MAX_NONCE, CipherState
from dsoftbus.noise.handshake_state import (
    PATTERNS,
    HandshakeState,
    decrypt_with_ad,
    encrypt_with_ad,
)
from pairs import ToyPair, ToySuite
from support import Random, Skip, raises, vectors

VECTORS_HERE = 4  # XK and XKpsk3, each with SHA256 and BLAKE2s
VECTORS_LEFT_OUT = 1  # XK with AES-GCM, which the portable code does not have
PSK = b"p" * 32


def run_vector(vector, suite) -> None:
    """Both sides of one vector: every message, the handshake hash, the transport."""
    pattern = vector["protocol_name"].split("_")[1]
    sides = [side_of(vector, suite, pattern, side) for side in ("init", "resp")]
    ciphers = None
    for i, message in enumerate(vector["messages"]):
        sender, receiver = sides[i % 2], sides[1 - i % 2]
        payload, wire = unhexlify(message["payload"]), unhexlify(message["ciphertext"])
        if i < len(PATTERNS[pattern]):
            assert sender.write_message(payload) == wire
            assert receiver.read_message(wire) == payload
            continue
        if ciphers is None:
            assert hexlify(sender.handshake_hash).decode() == vector["handshake_hash"]
            assert sender.handshake_hash == receiver.handshake_hash
            ciphers = [side.split() for side in sides]
        assert encrypt_with_ad(ciphers[i % 2][0], b"", payload) == wire
        assert decrypt_with_ad(ciphers[1 - i % 2][1], b"", wire) == payload
    assert ciphers


def side_of(vector, suite, pattern: str, side: str):
    initiator = side == "init"
    psks = vector.get(side + "_psks")
    ephemeral = unhexlify(vector[side + "_ephemeral"])
    return HandshakeState(
        suite,
        pattern,
        initiator,
        unhexlify(vector[side + "_prologue"]),
        suite.keypair(unhexlify(vector[side + "_static"])),
        unhexlify(vector["init_remote_static"]) if initiator else None,
        lambda n: ephemeral,
        unhexlify(psks[0]) if psks else None,
    )


def test_published_vectors():
    found = vectors("noise_cacophony.json")
    if found is None:
        raise Skip("the published vectors are not here")
    suites = {suite.name: suite for suite in (portable(1), portable(2))}
    passed = left_out = 0
    for vector in found["vectors"]:
        name = vector["protocol_name"].split("_", 2)[2].encode()
        if name in suites:
            run_vector(vector, suites[name])
            passed += 1
        else:
            left_out += 1
    assert (passed, left_out) == (VECTORS_HERE, VECTORS_LEFT_OUT)


# The state moves only with what succeeds


def pair_of(suite, pattern: str = "XKpsk3", prologue=(b"same", b"same"), psks=(PSK, PSK)):
    """An initiator and a responder that fit each other, unless told otherwise."""
    random = Random(3)
    statics = [suite.keypair(random(32)) for _ in range(2)]
    if "psk" not in pattern:
        psks = (None, None)
    sides = []
    for i in range(2):
        remote = statics[1].public if i == 0 else None
        side = (suite, pattern, i == 0, prologue[i], statics[i], remote, random, psks[i])
        sides.append(HandshakeState(*side))
    return sides


def state_of(side):
    """All of a handshake's state, deeply."""
    cipher = side._symmetric._cipher
    return (
        side._symmetric.h,
        side._symmetric._ck,
        cipher._aead,
        cipher.n,
        side._step,
        side._e,
        side._re,
        side.remote_static,
    )


def unmoved(side, expected, call, *args) -> None:
    before = state_of(side)
    raises(expected, call, *args)
    after = state_of(side)
    assert before == after
    assert before[2] is after[2] and before[5] is after[5]


def test_every_flipped_bit_and_every_truncation_leaves_the_state_alone():
    sides = pair_of(ToySuite())
    for step in range(3):
        sender, receiver = sides[step % 2], sides[1 - step % 2]
        message = sender.write_message(b"payload")
        for bit in range(8 * len(message)):
            wrong = bytearray(message)
            wrong[bit // 8] ^= 1 << bit % 8
            unmoved(receiver, "noise.reject.decrypt_failed", receiver.read_message, wrong)
        for n in range(len(message)):
            label = "noise.reject.decrypt_failed"
            if n < 32 or (step == 2 and n < 48):
                label = "core.reject.malformed_message"
            unmoved(receiver, label, receiver.read_message, message[:n])
        unmoved(receiver, "noise.reject.decrypt_failed", receiver.read_message, message + b"\x00")
        assert receiver.read_message(message) == b"payload"
    assert sides[0].handshake_hash == sides[1].handshake_hash


def test_a_forged_message_of_the_real_suites_leaves_the_state_alone():
    for code in (SUITE_CHACHA_SHA256, SUITE_CHACHA_BLAKE2S):
        sides = pair_of(portable(code), "XK")
        for step in range(3):
            sender, receiver = sides[step % 2], sides[1 - step % 2]
            message = sender.write_message(b"")
            wrong = message[:-1] + bytes((message[-1] ^ 0x80,))
            unmoved(receiver, "noise.reject.decrypt_failed", receiver.read_message, wrong)
            receiver.read_message(message)
        send, receive = sides[0].split()[0], sides[1].split()[1]
        assert decrypt_with_ad(receive, b"ad", encrypt_with_ad(send, b"ad", b"hello")) == b"hello"


def test_messages_with_empty_payloads_take_48_48_and_64_bytes():
    for pattern in ("XK", "XKpsk3"):
        sides = pair_of(ToySuite(), pattern)
        for step, length in enumerate((48, 48, 64)):
            message = sides[step % 2].write_message()
            assert len(message) == length
            assert sides[1 - step % 2].read_message(message) == b""


def test_whoever_is_not_in_turn_is_refused():
    sides = pair_of(ToySuite())
    for step in range(3):
        sender, receiver = sides[step % 2], sides[1 - step % 2]
        assert sender.my_turn and not receiver.my_turn
        unmoved(receiver, "local.bad_state", receiver.write_message)
        unmoved(sender, "local.bad_state", sender.read_message, bytes(64))
        for side in sides:
            assert not side.complete
            unmoved(side, "local.bad_state", side.split)
        receiver.read_message(sender.write_message())
    for side in sides:
        assert side.complete and not side.my_turn
        unmoved(side, "local.bad_state", side.write_message)
        unmoved(side, "local.bad_state", side.read_message, bytes(64))


def test_a_psk_goes_with_a_psk_pattern_and_a_key_with_the_initiator():
    suite = ToySuite()
    key = suite.keypair(bytes(range(32)))
    for pattern, psk in (("XK", PSK), ("XKpsk3", None), ("XKpsk3", PSK[1:]), ("XKpsk3", b"")):
        made = (suite, pattern, True, b"", key, key.public, None, psk)
        raises("local.bad_argument", HandshakeState, *made)
    for remote in (None, b"", key.public[1:]):
        made = (suite, "XK", True, b"", key, remote, None, None)
        raises("local.bad_argument", HandshakeState, *made)


def test_a_different_psk_shows_in_the_last_message():
    sides = pair_of(ToySuite(), "XKpsk3", psks=(PSK, b"q" * 32))
    # A psk pattern mixes the ephemeral keys too, but not the psk before its token.
    for step in range(2):
        sides[1 - step % 2].read_message(sides[step % 2].write_message())
    last = sides[0].write_message()
    unmoved(sides[1], "noise.reject.decrypt_failed", sides[1].read_message, last)


def test_a_different_prologue_or_static_key_shows_in_the_first_message():
    sides = pair_of(ToySuite(), "XK", prologue=(b"one", b"two"))
    first = sides[0].write_message()
    unmoved(sides[1], "noise.reject.decrypt_failed", sides[1].read_message, first)
    sides = pair_of(ToySuite(), "XK")
    key = ToyPair(b"another!")
    other = HandshakeState(ToySuite(), "XK", False, b"same", key, None, Random(1))
    first = sides[0].write_message()
    unmoved(other, "noise.reject.decrypt_failed", other.read_message, first)


def test_points_of_low_order_are_refused_wherever_they_come_from():
    suite = portable()
    for point in LOW_ORDER[:4]:
        initiator, responder = pair_of(suite, "XK")
        wrong = unhexlify(point) + initiator.write_message()[32:]
        unmoved(responder, "noise.reject.low_order_point", responder.read_message, wrong)
    initiator, responder = pair_of(suite, "XK")
    responder.read_message(initiator.write_message())
    wrong = unhexlify(LOW_ORDER[1]) + responder.write_message()[32:]
    unmoved(initiator, "noise.reject.low_order_point", initiator.read_message, wrong)
    pinned = HandshakeState(suite, "XK", True, b"", suite.keypair(PSK), bytes(32), Random(1))
    unmoved(pinned, "noise.reject.low_order_point", pinned.write_message)


def test_a_lack_of_entropy_leaves_the_state_alone():
    initiator, _ = pair_of(ToySuite())

    def random(n):
        raise LocalError(ENTROPY_UNAVAILABLE)

    good = initiator._random
    initiator._random = random
    unmoved(initiator, "local.entropy_unavailable", initiator.write_message)
    initiator._random = good
    assert len(initiator.write_message()) == 48


# CipherState


def test_a_cipher_without_a_key_passes_bytes_through():
    cipher = CipherState(portable())
    assert not cipher.has_key
    assert encrypt_with_ad(cipher, b"ad", b"text") == b"text"
    assert decrypt_with_ad(cipher, b"ad", bytearray(b"text")) == b"text"
    assert cipher.n == 0


def test_the_nonce_moves_only_after_success():
    suite = portable()
    send, receive = CipherState(suite, PSK), CipherState(suite, PSK)
    for i in range(3):
        sealed = encrypt_with_ad(send, b"", b"text")
        raises("noise.reject.decrypt_failed", decrypt_with_ad, receive, b"x", sealed)
        for n in range(len(sealed)):
            raises("noise.reject.decrypt_failed", decrypt_with_ad, receive, b"", sealed[:n])
        assert receive.n == i
        assert decrypt_with_ad(receive, b"", sealed) == b"text"
        assert send.n == receive.n == i + 1


def test_the_last_nonce_is_never_used():
    suite = portable()
    send, receive = CipherState(suite, PSK), CipherState(suite, PSK)
    send.n = receive.n = MAX_NONCE - 1
    sealed = encrypt_with_ad(send, b"", b"last")
    assert decrypt_with_ad(receive, b"", sealed) == b"last"
    for cipher, call in ((send, encrypt_with_ad), (receive, decrypt_with_ad)):
        raises("noise.reject.nonce_exhausted", call, cipher, b"", sealed)
        assert cipher.n == MAX_NONCE


def test_rekey_is_the_specifications_and_keeps_the_count():
    suite = portable()
    send, receive = CipherState(suite, PSK), CipherState(suite, PSK)
    decrypt_with_ad(receive, b"", encrypt_with_ad(send, b"", b"before"))
    key = bytearray(48)
    suite.cipher(PSK).seal(MAX_NONCE, b"", bytes(32), 0, 32, key, 0)
    expected = CipherState(suite, bytes(key[:32]))
    expected.n = 1
    send.rekey()
    assert send.n == 1
    sealed = encrypt_with_ad(send, b"ad", b"after")
    assert sealed == encrypt_with_ad(expected, b"ad", b"after")
    raises("noise.reject.decrypt_failed", decrypt_with_ad, receive, b"ad", sealed)
    receive.rekey()
    assert decrypt_with_ad(receive, b"ad", sealed) == b"after"
