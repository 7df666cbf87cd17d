"""Noise against the independent package `noiseprotocol`, and fuzzing of every decoder.

Both sides, both patterns, both hashes; what one writes the other reads, to the last transport
message and across a rekey.
"""

import json
import warnings

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given, settings
from hypothesis import strategies as st
from noise.connection import Keypair, NoiseConnection

from crypto_checks import LOW_ORDER
from draws import draws
from dsoftbus.base.codec import Reader, copy
from dsoftbus.const import DATA, KIND_BYTES, LINK_STREAM, PATTERN_RESUMED, SMALL
from dsoftbus.crypto.provider import suite as portable
from dsoftbus.errors import BusError, PeerError
from dsoftbus.handshake import hello
from dsoftbus.handshake.handshake import Handshake
from dsoftbus.noise.handshake_state import HandshakeState, decrypt_with_ad, encrypt_with_ad
from dsoftbus.record.records import RecordReader
from dsoftbus.resume.resumed_state import ResumedState
from dsoftbus.session.node_config import NodeConfig
from dsoftbus_host import crypto
from pairs import AWAITING, Muxes, all_events, frame, seal, session_in
from portable import VECTORS
from test_noise import run_vector

SUITES = {code: crypto.suite(code) for code in (1, 2, 3)}
PROTOCOLS = [(pattern, code) for pattern in ("XK", "XKpsk3") for code in (1, 2, 3)]
LINK = bytes((LINK_STREAM,))
KEY = st.binary(min_size=32, max_size=32)
PAYLOAD = st.binary(max_size=80)


def theirs(name: str, initiator: bool, prologue, static, remote, ephemeral, psk):
    """The independent implementation's side."""
    connection = NoiseConnection.from_name(name.encode())
    if psk is not None:
        connection.set_psks(psk)
    connection.set_prologue(prologue)
    if initiator:
        connection.set_as_initiator()
        connection.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, remote)
    else:
        connection.set_as_responder()
    connection.set_keypair_from_private_bytes(Keypair.STATIC, static)
    connection.set_keypair_from_private_bytes(Keypair.EPHEMERAL, ephemeral)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of ephemeral keys that are set from outside
        connection.start_handshake()
    return connection


def exchange(ours, other, ours_first: bool, payloads) -> None:
    for i, payload in enumerate(payloads):
        if (i % 2 == 0) == ours_first:
            assert bytes(other.read_message(ours.write_message(payload))) == payload
        else:
            assert ours.read_message(bytes(other.write_message(payload))) == payload


@pytest.mark.parametrize(("pattern", "code"), PROTOCOLS)
@pytest.mark.parametrize("initiator", [True, False], ids=["initiator", "responder"])
@settings(max_examples=draws(40))
@given(
    keys=st.tuples(KEY, KEY, KEY, KEY, KEY),
    prologue=st.binary(max_size=40),
    payloads=st.tuples(PAYLOAD, PAYLOAD, PAYLOAD),
    messages=st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=6),
)
def test_handshakes_with_an_independent_implementation(
    pattern, code, initiator, keys, prologue, payloads, messages
):
    suite = SUITES[code]
    our_static, other_static, our_ephemeral, other_ephemeral, psk = keys
    if pattern == "XK":
        psk = None
    static = suite.keypair(our_static)
    other_public = suite.keypair(other_static).public
    remote = other_public if initiator else None
    made = (suite, pattern, initiator, prologue, static, remote, lambda n: our_ephemeral, psk)
    ours = HandshakeState(*made)
    name = f"Noise_{pattern}_{suite.name.decode()}"
    other = theirs(
        name, not initiator, prologue, other_static, static.public, other_ephemeral, psk
    )
    exchange(ours, other, initiator, payloads)
    assert ours.complete and other.handshake_finished
    assert ours.handshake_hash == other.get_handshake_hash()
    assert ours.remote_static == other_public
    send, receive = ours.split()
    for i, (outward, text) in enumerate(messages):
        if i == 3:
            send.rekey()
            receive.rekey()
            other.rekey_inbound_cipher()
            other.rekey_outbound_cipher()
        if outward:
            assert other.decrypt(encrypt_with_ad(send, b"", text)) == text
        else:
            assert decrypt_with_ad(receive, b"", bytes(other.encrypt(text))) == text


def test_the_independent_implementation_refuses_what_we_would_refuse():
    suite = SUITES[1]
    key = suite.keypair(bytes(range(32)))
    made = (suite, "XK", True, b"ours", key, key.public, lambda n: b"e" * 32)
    name = "Noise_XK_25519_ChaChaPoly_SHA256"
    other = theirs(name, False, b"other", bytes(range(32)), None, b"f" * 32, None)
    with pytest.raises(InvalidTag):
        other.read_message(HandshakeState(*made).write_message())


@pytest.mark.skipif(not (VECTORS / "noise_cacophony.json").exists(), reason="no vectors here")
def test_published_vectors_with_openssl():
    found = json.loads((VECTORS / "noise_cacophony.json").read_text())["vectors"]
    by_name = {suite.name.decode(): suite for suite in SUITES.values()}
    for vector in found:
        run_vector(vector, by_name[vector["protocol_name"].split("_", 2)[2]])
    assert len(found) == 5


@pytest.mark.parametrize("point", LOW_ORDER)
def test_openssl_and_the_portable_code_refuse_the_same_points(point):
    for suite in (SUITES[1], portable()):
        key = suite.keypair(bytes(range(32)))
        made = (suite, "XK", False, b"", key, None, lambda n: b"e" * 32)
        with pytest.raises(PeerError) as refused:
            HandshakeState(*made).read_message(bytes.fromhex(point) + bytes(16))
        assert refused.value.label == "noise.reject.low_order_point"


# Every decoder: total, whatever the bytes


@settings(max_examples=draws(300))
@given(data=st.binary(max_size=60), calls=st.lists(st.integers(0, 5), max_size=12))
def test_fuzz_the_reader(data, calls):
    reader = Reader(data)
    at = 0
    for call in calls:
        try:
            [
                reader.u8,
                reader.u16,
                reader.u32,
                lambda: reader.raw(7),
                lambda: reader.text(3),
                reader.finish,
            ][call]()
        except PeerError as error:
            assert error.label == "core.reject.malformed_message"
        assert at <= reader.at <= len(data) and reader.left == len(data) - reader.at
        at = reader.at


@settings(max_examples=draws(500))
@given(data=st.one_of(st.binary(max_size=60), st.binary(max_size=50).map(lambda b: b"\x01" + b)))
def test_fuzz_hello(data):
    try:
        found = hello.decode(data, bytes(32))
    except PeerError:
        return
    assert found.encode() == data  # what is taken is exactly what would be sent


@settings(max_examples=draws(300))
@given(data=st.binary(max_size=1500), chunk=st.integers(1, 600))
def test_fuzz_records(data, chunk):
    reader = RecordReader(copy)
    taken = 0
    try:
        for at in range(0, len(data), chunk):
            piece = data[at : at + chunk]
            done = 0
            while done < len(piece):
                n = reader.push(piece, done, len(piece) - done)
                assert n
                done += n
                while reader.next():
                    taken += 2 + 1 + reader.stop - reader.at
                    assert (
                        bytes(reader.buffer[reader.at : reader.stop])
                        == data[taken - (reader.stop - reader.at) : taken]
                    )
    except PeerError as error:
        assert error.label in (
            "core.reject.oversize_frame_or_record",
            "core.reject.malformed_message",
        )
    assert len(reader.buffer) == 514


FRAME = st.builds(
    frame,
    kind=st.one_of(st.integers(1, 8), st.just(DATA), st.integers(0, 255)),
    stream=st.one_of(st.integers(0, 6), st.integers(0, 2**32 - 1)),
    body=st.one_of(
        st.binary(max_size=20),
        st.builds(lambda n: bytes((0, 0, n >> 8, n & 255)), st.integers(0, 3000)),
        st.builds(
            lambda p, k, name: bytes((p, k, 0, 0, 1, 0)) + name,
            st.integers(0, 8),
            st.integers(0, 2),
            st.binary(max_size=4),
        ),
    ),
    flags=st.sampled_from((0, 0, 0, 1, 2)),
    length=st.sampled_from((-1, -1, -1, -1, 5)),
)


@settings(max_examples=draws(600))
@given(records=st.lists(st.lists(FRAME, max_size=5), max_size=8), accept=st.booleans())
def test_fuzz_frames(records, accept):
    pair = Muxes(SMALL)
    mux = pair.b
    mux.open("own", 3)
    out = bytearray(1105)
    for record in records:
        data = b"".join(record)
        try:
            mux.receive(data, 0, len(data), 0)
        except PeerError:
            return
        for event in all_events(mux):
            stream = event.stream
            if accept and event.kind == 2 and stream.state in (0x30, 0x40):
                stream.accept()
            stream.recv(9)
            assert stream.kind == KIND_BYTES or stream.message_bytes < 1 << 15
        mux.fill(out, 0, 1105)
        held = sum(stream.ring.used for stream in mux._streams.values())
        assert mux._receive_credit + mux._released + held == SMALL.session_credit
        assert len(mux._streams) <= 2 * SMALL.streams


@settings(max_examples=draws(300))
@given(body=st.binary(max_size=140), message=st.integers(0, 2), code=st.integers(0, 4))
def test_fuzz_handshake_bodies(body, message, code):
    static = SUITES[1].keypair(bytes(range(32)))
    local = NodeConfig(SUITES, static, lambda n: b"r" * n, SMALL, "fuzz")
    try:
        if message == 0:
            Handshake(local, LINK).on_init(bytes((1, code, 0)) + body)
            raise AssertionError("a handshake that nobody made")
        initiator = Handshake(local, LINK, 1, static.public)
        first = initiator.init()
        if message == 1:
            initiator.on_reply(body)
        else:
            responder = Handshake(local, LINK)
            responder.on_init(first)
            responder.on_finish(body)
        raise AssertionError("a handshake that nobody made")
    except PeerError:
        pass


@settings(max_examples=draws(300))
@given(
    state=st.sampled_from((*AWAITING, 0x40, 0x50)),
    pieces=st.lists(st.binary(max_size=300), max_size=6),
)
def test_fuzz_sessions_at_any_point(state, pieces):
    _, session = session_in(state)
    for piece in pieces:
        session.receive_data(piece, 0)
        session.poll_transmit(bytearray(SMALL.receive_bytes), 0)
    ends = [event for event in iter(session.next_event, None) if event.kind == 7]
    assert len(ends) == session.closed


@settings(max_examples=draws(300))
@given(frames=st.lists(FRAME, max_size=6))
def test_fuzz_authenticated_sessions(frames):
    pair, session = session_in(0x40)
    session.receive_data(seal(pair.a, b"".join(frames)[:1080]), 0)
    try:
        session.open("mine")
    except BusError:
        assert session.closed
    session.poll_transmit(bytearray(SMALL.receive_bytes), 0)


@pytest.mark.parametrize("code", [1, 2, 3])
@pytest.mark.parametrize("initiator", [True, False], ids=["initiator", "responder"])
@settings(max_examples=draws(20))
@given(
    keys=st.tuples(KEY, KEY, KEY),
    prologue=st.binary(max_size=40),
    payloads=st.tuples(PAYLOAD, PAYLOAD),
)
def test_a_resumed_handshake_is_nnpsk0_of_an_independent_implementation(
    code, initiator, keys, prologue, payloads
):
    suite = SUITES[code]
    our_ephemeral, other_ephemeral, psk = keys
    ours = ResumedState(
        suite, PATTERN_RESUMED, initiator, prologue, psk, b"", lambda n: our_ephemeral
    )
    other = NoiseConnection.from_name(f"Noise_NNpsk0_{suite.name.decode()}".encode())
    other.set_psks(psk)
    other.set_prologue(prologue)
    (other.set_as_responder if initiator else other.set_as_initiator)()
    other.set_keypair_from_private_bytes(Keypair.EPHEMERAL, other_ephemeral)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other.start_handshake()
    exchange(ours, other, initiator, payloads)
    assert other.handshake_finished and ours.handshake_hash == other.get_handshake_hash()
