"""Fuzzed datagrams at any moment: no exception escapes, sessions stay as they are, and drops are
counted."""

import struct
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draws import draws
from dsoftbus.const import BODY_PART, DATAGRAM_MAX, HOST, PACKET_HEADER, SMALL
from dsoftbus.errors import END_LOCAL, END_PEER, PeerError
from dsoftbus.handshake.datagram_handshake import DatagramHandshake
from dsoftbus.mux.mux import Mux
from dsoftbus.noise.cipher_state import CipherState
from dsoftbus.packet.acks import ACK_FIXED, ACK_RANGE, AckRanges, AckReader
from dsoftbus.packet.drop_labels import LABELS
from dsoftbus.packet.packets import DatagramProtect
from dsoftbus.packet.reliable import Reliable
from dsoftbus.packet.wide import WideReliable
from dsoftbus.session.cookies import Cookies
from dsoftbus.session.session import AWAIT_REPLY
from dsoftbus.session.shared_network import SharedNetwork
from dsoftbus_sim.chance import Chance
from simulated import SUITES, Talk

SUITE = SUITES[1]
ANY = st.binary(max_size=DATAGRAM_MAX + 1)
# What a session knows only by hearsay (flights that anyone may send), the clock, and a key that
# was made ahead of time: none of it is acted on before something authenticates.
HEARSAY = {"_now", "cookie", "last_flight", "flight_at", "peer_code", "_later"}
# What all sessions of an endpoint share, and the reader that lies over the driver's buffer.
SHARED = {"_reader", "endpoint", "local", "_local", "suite", "_suite", "gatekeeper", "control"}


PLAIN = {int, bool, str, bytes, type(None)}  # long lists hold little else, and need no call each


def state(thing, seen=None):
    """All that `thing` holds, as something that can be compared."""
    seen = set() if seen is None else seen
    if isinstance(thing, int | str | bytes | type(None)):
        return thing
    if isinstance(thing, bytearray):
        return bytes(thing)
    if id(thing) in seen:
        return "again"
    seen.add(id(thing))
    if isinstance(thing, list | tuple | deque):
        return [each if type(each) in PLAIN else state(each, seen) for each in thing]
    if isinstance(thing, dict):
        return {key: state(value, seen) for key, value in thing.items()}
    held = getattr(thing, "__dict__", None)
    if held is None or callable(thing):
        return type(thing).__name__
    kept = HEARSAY | SHARED
    return {key: state(value, seen) for key, value in held.items() if key not in kept}


# Decoders


@given(st.binary(min_size=200, max_size=260), st.integers(1, 31))
def test_any_acknowledgement_is_ranges_downward_or_refused(buffer, ranges):
    reader = AckReader()
    try:
        reader.read(buffer, len(buffer) - ACK_FIXED - ACK_RANGE * ranges, ranges)
    except PeerError as error:
        assert error.label == "core.reject.malformed_message"
        return
    above = reader.largest + 1
    for i in range(ranges):
        assert 0 <= reader.low[i] <= reader.high[i] < above + (i == 0)
        above = reader.low[i]


@given(st.lists(st.integers(0, 300), unique=True, min_size=1, max_size=60), st.integers(0, 60))
def test_acknowledgements_come_back(numbers, room):
    acks = AckRanges()
    for number in numbers:
        acks.add(number, True, 0)
    out = bytearray(room)
    ranges = acks.write(out, 0, room, 0)
    assert not ranges or ACK_FIXED + ACK_RANGE * ranges <= room
    reader = AckReader()
    if ranges:
        reader.read(out, 0, ranges)
        covered = {n for i in range(ranges) for n in range(reader.low[i], reader.high[i] + 1)}
        assert covered <= set(numbers)


def protect() -> DatagramProtect:
    keys = [CipherState(SUITE, bytes([n]) * 32) for n in (1, 2)]
    return DatagramProtect(*keys, 7, 64, 16)


FLOW = SharedNetwork(Talk(1, 0).a.node).flow


class Silent(Mux):
    """A mux that has nothing to say."""

    def __init__(self):
        self.has_output = False


PARTS = st.builds(
    lambda number, total, part, n: struct.pack(">BIHB", BODY_PART, number, total, part) + bytes(n),
    st.integers(0, 9),
    st.integers(0, 4096) | st.integers(0, 65535),
    st.integers(0, 4) | st.integers(0, 255),
    st.sampled_from((1024, 1024, 1024, 1, 0, 100)),
)


@given(
    st.lists(st.one_of(ANY, PARTS, st.binary(min_size=1, max_size=40)), max_size=20),
    st.sampled_from((Reliable, WideReliable)),
)
def test_any_plaintext_is_taken_or_refused(plaintexts, kind):
    """A peer that has the keys may say anything: its own session may end, and that is all."""
    shield = protect()
    longest = 1200 if kind is Reliable else 4000
    reliable = kind(SMALL, SUITE.copy, shield, longest, longest, 8, 0, FLOW)
    reliable.probe()
    out = bytearray(1200)
    frames = []

    def sink(*frame):
        frames.append(frame)

    for number, plain in enumerate(plaintexts):
        shield.number = number
        buffer = bytearray(PACKET_HEADER) + plain[:1175] + bytes(1200)
        try:
            reliable.receive(buffer, PACKET_HEADER + len(plain[:1175]), number, sink)
        except PeerError as error:
            assert error.label
        assert reliable._inbox.held <= SMALL.segments
        assert len(reliable.arrived) <= SMALL.messages
        assert reliable.poll_transmit(out, Silent(), number) <= 1200
        assert reliable.congestion.in_flight >= 0


@given(ANY)
def test_any_packet_is_dropped_by_kind(data):
    shield = protect()
    before = state(shield)
    end = shield.open(bytearray(data), len(data))
    assert end < 0
    assert LABELS[~end] in ("drop.truncated", "drop.stale", "drop.forged")
    assert state(shield) == before


@given(st.binary(max_size=200))
def test_any_payload_of_a_flight_is_read_or_refused(payload):
    talk = Talk(1, 0)
    handshake = DatagramHandshake(talk.a.node.local, 1, 1, 1200, 1, talk.b.node.public)
    try:
        handshake._on_payload(payload)
    except PeerError as error:
        assert error.label


@given(st.binary(max_size=40), st.binary(min_size=36, max_size=36), st.integers())
def test_only_a_cookie_that_was_made_is_good(cookie, opening, path):
    cookies = Cookies(SUITE.hash, Chance(1))
    made = cookies.make(opening, path, 0)
    assert cookies.good(made, opening, path, 59999)
    assert not cookies.good(made, opening, (path,), 59999)
    assert cookie == made or not cookies.good(cookie, opening, path, 59999)
    assert not cookies.good(made, opening, path, 90000)


# The endpoint, at any moment of a session's life


def stopped(ms: int) -> Talk:
    talk = Talk(1, 3000, {"latency_ms": 10, "kilobytes_s": 10}, HOST, lose=lambda kind, n: False)
    talk.world.run(ms)
    return talk


def closing() -> Talk:
    talk = stopped(200)
    talk.sessions[talk.a].close(talk.world.now_ms)
    return talk


def parting() -> Talk:
    talk = stopped(200)
    talk.sessions[talk.b].refuse(END_LOCAL)
    return talk


def moving() -> Talk:
    """The responder waits for the answer of the initiator's new address."""
    talk = stopped(200)
    talk.network.move(talk.a.link)
    talk.sessions[talk.a].send_datagram(b"")
    talk.a.turn()
    b = talk.sessions[talk.b]
    assert talk.world.run(5000, lambda: b.validation is not None)
    return talk


MOMENTS = {
    "reply awaited": lambda: stopped(0),
    "finish awaited": lambda: stopped(22),
    "unconfirmed": lambda: stopped(60),
    "established": lambda: stopped(200),
    "moving": moving,
    "closing": closing,
    "parting": parting,
}
# Datagrams of a whole session, from which mutations are made.
WIRE = [data for _, _, data in stopped(2000).wire]


@st.composite
def mutated(draw) -> bytes:
    """A datagram that was one, cut, extended or changed in a few places."""
    data = bytearray(draw(st.sampled_from(WIRE[:12])))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.integers(0, 255))
    del data[draw(st.integers(0, 2 * len(data))) :]
    return bytes(data + draw(st.binary(max_size=20)))


@st.composite
def addressed(draw) -> bytes:
    """Any bytes behind a type; half of them with the connection id of somebody's session."""
    head = bytes([draw(st.integers(0, 8))])
    known = draw(st.sampled_from([data[1:5] for data in WIRE[:4]]))
    return head + draw(st.one_of(st.just(known), st.binary(max_size=4))) + draw(ANY)


def inject(endpoint, data: bytes, path: int, now: int, reply_awaited: bool) -> None:
    """A datagram that authenticates nothing: it is counted, unless it is a hint that was due."""
    counted = sum(endpoint.drops.count)
    endpoint.receive_datagram(bytearray(data), path, now)
    hint = reply_awaited and data[:1] in (b"\5", b"\6")
    assert hint or sum(endpoint.drops.count) == counted + 1


@pytest.mark.hypothesis
@pytest.mark.parametrize("moment", MOMENTS)
def test_any_datagram_at_any_moment_changes_nothing(moment):
    talk = MOMENTS[moment]()
    now = talk.world.now_ms

    @settings(max_examples=draws(150))
    @given(
        st.sampled_from((talk.a, talk.b)),
        st.lists(st.one_of(mutated(), addressed(), ANY), min_size=1, max_size=8),
        st.integers(50, 99),
    )
    def fuzz(node, datagrams, path):
        endpoint = node.endpoint
        before = {number: state(session) for number, session in endpoint.sessions.items()}
        for data in datagrams:
            if data not in WIRE:
                awaited = talk.sessions[talk.a].state == AWAIT_REPLY and node is talk.a
                inject(endpoint, data, path, now, awaited)
        assert {n: state(session) for n, session in endpoint.sessions.items()} == before
        assert len(endpoint.answers) <= 16

    fuzz()
    go_on(talk, moment)


def go_on(talk: Talk, moment: str) -> None:
    """After all that, the talk takes its course."""
    talk.a.turn()
    talk.b.turn()
    if moment not in ("closing", "parting"):
        talk.run().finish()
        return
    assert talk.world.run(60000, lambda: not (talk.a.node.sessions or talk.b.node.sessions))
    assert sorted(cause for _, cause in talk.closed) == [END_LOCAL, END_PEER]
