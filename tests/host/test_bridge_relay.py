"""The relay of a bridge in virtual time, without sockets."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from draws import draws
from dsoftbus.const import (
    FLIGHT_HEADER,
    PKT_COOKIE,
    REC_FINISH,
    REC_INIT,
    REC_PROTECTED,
    REC_REPLY,
    SUITE_CHACHA_SHA256,
)
from dsoftbus.session.datagram_session import flight
from dsoftbus_host import crypto
from dsoftbus_host.bridge.channel_table import IDLE_MS, LIVE, LIVE_MS, Channels
from dsoftbus_host.bridge.relay import (
    ANNOUNCED_MAX,
    CREDIT,
    CREDIT_MAX,
    EARLY,
    HANDSHAKES_MS,
    LIVE_RUN,
    MALFORMED,
    MOVED,
    NO_CHANNEL,
    OPENINGS,
    OVER_BUDGET,
    OVERSIZE,
    PROVED,
    PROVED_HOST,
    QUEUE_FULL,
    UNKNOWN,
    UNKNOWN_TYPE,
    WAITING,
    WAITING_OTHERS,
    Relay,
)
from support import Random

MTU = 479
INIT_BYTES = 56
PEER = ("192.0.2.7", 4000)
SUITE = crypto.suite(SUITE_CHACHA_SHA256)


def make(seed: int = 1) -> Relay:
    return Relay(SUITE, Random(seed), MTU)


def opening(number: int, cookie: bytes = b"") -> bytes:
    body = bytes(3) + number.to_bytes(4, "big") * 12
    return bytes(flight(REC_INIT, number, body)) + cookie


def protected(number: int, size: int = 60) -> bytes:
    return bytes(flight(REC_PROTECTED, number, bytes(size - FLIGHT_HEADER)))


def drain(relay: Relay) -> list:
    found = []
    while (item := relay.next_for_line()) is not None:
        found.append(item)
    return found


def live(relay: Relay, address=PEER, number: int = 5, now: int = 0) -> int:
    """A session between the board and `address`; its channel."""
    relay.from_network(opening(number), address, now)
    ((_, channel),) = drain(relay)
    relay.from_line(flight(REC_REPLY, number, b"reply"), channel, now)
    for _ in range(CREDIT_MAX // CREDIT):
        assert relay.from_line(protected(1), channel, now) == address
    return channel


def test_an_opening_its_reply_and_a_session_pass():
    relay = make()
    assert relay.from_network(opening(5), PEER, 0) is None
    ((data, channel),) = drain(relay)
    assert data == opening(5) and channel > 0
    assert relay.from_line(flight(REC_REPLY, 5, b"reply"), channel, 1) == PEER
    relay.from_network(protected(9), PEER, 2)
    assert drain(relay) == [(protected(9), channel)]
    assert relay.from_line(protected(5), channel, 3) == PEER
    assert relay.to_board == 2 and relay.from_board == 2 and not relay.drops


def test_what_is_no_datagram_of_ours_does_not_pass():
    relay = make()
    cases = (
        (b"", MALFORMED),
        (b"\x04\0\0\0\x01", MALFORMED),
        (b"\x04\x40\0\0\0 an id beyond 2**30", MALFORMED),
        (b"\x01\0\0\0\x01 too short for an opening", MALFORMED),
        (protected(1, MTU + 1), OVERSIZE),
        (b"\0\0\0\0\x01 a type that nobody knows", UNKNOWN_TYPE),
        (b"NXSB\x02\x1a an announcement", MALFORMED),
        (b"N\0\0\0\x01 and so on", UNKNOWN_TYPE),
    )
    for data, why in cases:
        before = relay.drops[why]
        assert relay.from_network(data, PEER, 0) is None
        assert relay.drops[why] == before + 1
    assert not drain(relay) and not len(relay.channels)
    relay.from_network(protected(1, MTU), PEER, 0)
    assert len(drain(relay)) == 1


def test_the_board_speaks_only_to_addresses_that_have_a_channel():
    relay = make()
    assert relay.from_line(protected(1), 9, 0) is None
    assert relay.from_line(protected(1), 0, 0) is None
    assert relay.drops[NO_CHANNEL] == 2
    channel = live(relay)
    assert relay.from_line(b"\x09\0\0\0\x01 whatever", channel, 0) is None
    assert relay.drops[UNKNOWN_TYPE] == 1


def flooded(relay: Relay, kind: str, seconds: int = 10) -> Counter:
    """A flood of 10,000 a second from spoofed addresses, while a session sends 20 a second over
    a cable that carries 24; how many of each passed."""
    channel = live(relay)
    passed: Counter = Counter()
    sent = 0
    for now in range(1000, 1000 + 1000 * seconds):
        for _ in range(10):
            sent += 1
            address = (f"203.0.113.{sent % 250}", sent % 60000)
            data = opening(sent) if kind == "openings" else protected(sent % (1 << 30), MTU)
            answer = relay.from_network(data, address, now)
            passed["answers"] += answer is not None
            assert answer is None or len(answer) < len(data)
        if now % 50 == 0:
            relay.from_network(protected(7, MTU), PEER, now)
            passed["sent"] += 1
        if now % 42 == 0:
            item = relay.next_for_line()
            if item is not None:
                passed["session" if item[1] == channel else "flood"] += 1
                if item[1] == channel and passed["session"] % 2 == 0:
                    relay.from_line(protected(1), channel, now)
    return passed


@pytest.mark.parametrize("kind", ["openings", "protected"])
def test_a_flood_does_not_take_the_cable_from_a_live_session(kind):
    relay = make()
    passed = flooded(relay, kind)
    assert passed["session"] >= 0.98 * passed["sent"]
    most = OPENINGS if kind == "openings" else 10 * UNKNOWN + UNKNOWN
    assert 0 < passed["flood"] <= most
    assert len(relay.channels) <= 255
    assert relay.channels.to(PEER).rank(11000) == LIVE


def test_whoever_floods_from_an_address_that_the_board_refused_gets_no_more_than_the_early():
    """A stranger with a key of its own is refused with a few protected packets."""
    relay = make()
    channel = live(relay)
    stranger = ("192.0.2.66", 1)
    relay.from_network(opening(66), stranger, 0)
    ((_, other),) = drain(relay)
    for _ in range(4):
        relay.from_line(protected(66), other, 0)
    got: Counter = Counter()
    for now in range(10000):
        relay.from_network(protected(1, MTU), stranger, now)
        if now % 50 == 0:
            relay.from_network(protected(7, MTU), PEER, now)
        if now % 42 == 0 and (item := relay.next_for_line()) is not None:
            got[item[1]] += 1
            if item[1] == channel:
                relay.from_line(protected(1), channel, now)
    assert got[channel] >= 0.9 * 200
    assert got[other] <= 4 * CREDIT + 10 * EARLY + WAITING_OTHERS


def test_openings_past_the_budget_are_asked_for_a_cookie_and_pass_with_it():
    relay = make()
    for i in range(OPENINGS):
        assert relay.from_network(opening(i + 1), ("203.0.113.1", i), 0) is None
    drain(relay)
    answer = relay.from_network(opening(9), PEER, 0)
    assert answer[0] == PKT_COOKIE and len(answer) < INIT_BYTES
    assert not drain(relay)
    cookie = answer[FLIGHT_HEADER:]
    # Shown by another address, it is worth nothing.
    assert relay.from_network(opening(9, cookie), ("203.0.113.9", 1), 0)[0] == PKT_COOKIE
    assert relay.from_network(opening(9, cookie), PEER, 0) is None
    assert [data for data, _ in drain(relay)] == [opening(9)]
    assert relay.from_network(opening(10), ("203.0.113.7", 1), 5000)[0] == PKT_COOKIE
    # Now the board asks for its own, which is not the bridge's, and goes on to the board.
    assert relay.from_network(opening(9, b"b" * 16), PEER, 0) is None
    assert [data for data, _ in drain(relay)] == [opening(9, b"b" * 16)]


def test_openings_of_proved_addresses_have_a_budget_too():
    relay = make()
    hosts = PROVED // PROVED_HOST + 2
    for host in range(hosts):
        live(relay, (f"192.0.2.{host}", 1), host + 1, host * HANDSHAKES_MS)
    now = hosts * HANDSHAKES_MS
    for host in range(hosts):
        for i in range(PROVED_HOST + 3):
            relay.from_network(opening(100 + i), (f"192.0.2.{host}", 1), now)
        assert len(drain(relay)) == (PROVED_HOST if host < hosts - 2 else 0)
    assert relay.drops[OVER_BUDGET] == 5 * hosts - PROVED


class Stranger:
    """A stranger that floods from one true address: it shows the cookies that it is sent."""

    host = "192.0.2.66"

    def __init__(self, relay: Relay):
        self.relay = relay
        self.sent = 0
        self.bytes = 0

    def send(self, data: bytes, now: int) -> None:
        self.sent += 1
        self.bytes += len(data)
        address = (self.host, self.sent % 5000)
        answer = self.relay.from_network(data, address, now)
        if answer is not None:
            self.bytes += len(data) + 16
            self.relay.from_network(data + answer[FLIGHT_HEADER:], address, now)

    def flood(self, kind: str, now: int) -> None:
        if kind == "openings":
            self.send(opening(1000 + self.sent), now)
        elif kind == "flights":
            self.send(bytes(flight(REC_FINISH, 77, bytes(80))), now)
        else:
            self.send(protected(77, MTU), now)


class Board:
    """Answers each INIT; `finished` are the addresses whose FINISH it has."""

    def __init__(self, relay: Relay):
        self.relay = relay
        self.finished: list = []

    def take(self, now: int) -> None:
        """One datagram, if there is one; an honest peer answers at once."""
        item = self.relay.next_for_line()
        if item is None:
            return
        address = self.relay.channels.at(item[1]).address
        if item[0][0] == REC_INIT:
            self.relay.from_line(flight(REC_REPLY, 77, b"reply"), item[1], now)
            if address[0] != Stranger.host:
                self.relay.from_network(bytes(flight(REC_FINISH, 5, bytes(80))), address, now)
        elif item[0][0] == REC_FINISH and address[0] != Stranger.host:
            self.finished.append(address)


@pytest.mark.parametrize("kind", ["openings", "flights", "protected"])
@pytest.mark.parametrize("every_ms", [40, 1])
def test_one_stranger_leaves_others_their_handshakes(kind, every_ms):
    """At 1.4 kB in a second and at forty times that, on channels that the board has answered."""
    relay = make()
    board, stranger, begun = Board(relay), Stranger(relay), []
    for i in range(3):
        stranger.send(opening(2000 + i), 0)
    for now in range(20000):
        if now % every_ms == 0:
            stranger.flood(kind, now)
        if now % 2000 == 500:
            begun.append((f"192.0.2.{len(begun) + 1}", 1))
        if begun and now % 500 == 0 and begun[-1] not in board.finished:  # its INIT, repeated
            init = opening(len(begun))
            answer = relay.from_network(init, begun[-1], now)
            if answer is not None:
                relay.from_network(init + answer[FLIGHT_HEADER:], begun[-1], now)
        if now % 42 == 0:
            board.take(now)
    assert stranger.bytes > 20000 // every_ms * 50
    assert board.finished == begun and len(begun) == 10


def test_a_peer_that_changed_its_address_goes_on_in_the_midst_of_a_flood():
    relay = make()
    live(relay)
    relay.from_network(protected(77), PEER, 0)
    drain(relay)
    for i in range(1000):
        relay.from_network(protected(1000 + i), ("203.0.113.5", i), 1)
    drain(relay)
    moved = ("192.0.2.7", 4001)
    relay.from_network(protected(77), moved, 1)
    ((data, channel),) = drain(relay)
    assert data == protected(77) and relay.channels.at(channel).address == moved
    assert relay.from_line(protected(5), channel, 2) == moved
    assert relay.channels.to(moved).rank(3) == LIVE


def test_sessions_of_before_a_restart_of_the_bridge_are_let_through():
    relay = make()
    for _ in range(UNKNOWN + MOVED):
        relay.from_network(protected(3), PEER, 0)
    assert len(drain(relay)) == UNKNOWN // 4 + UNKNOWN // 2  # its share, and what is free
    channel = relay.channels.to(PEER).channel
    relay.from_line(protected(5), channel, 1)
    for _ in range(CREDIT):
        relay.from_network(protected(3), PEER, 1)
    assert len(drain(relay)) == CREDIT


def test_live_ways_take_turns_and_each_has_its_own_bound():
    relay = make()
    two = ("192.0.2.8", 4000)
    first, second = live(relay), live(relay, two, 6)
    for _ in range(WAITING + 3):
        relay.from_network(protected(1), PEER, 1)
    for _ in range(4):
        relay.from_network(protected(2), two, 1)
    assert relay.drops[QUEUE_FULL] == 3
    assert relay.waiting == WAITING + 4
    assert [channel for _, channel in drain(relay)][:8] == [first, second] * 4


def test_others_have_a_turn_while_live_ones_wait():
    relay = make()
    live(relay)
    for _ in range(WAITING):
        relay.from_network(protected(1), PEER, 1)
    relay.from_network(opening(50), ("192.0.2.50", 1), 1)
    assert [data[0] for data, _ in drain(relay)].index(REC_INIT) <= LIVE_RUN


def test_without_a_cable_nothing_waits():
    relay = make()
    live(relay)
    relay.from_network(protected(1), PEER, 1)
    relay.from_network(opening(50), ("192.0.2.50", 1), 1)
    relay.clear()
    assert not drain(relay) and not relay.waiting
    relay.from_network(protected(1), PEER, 1)
    assert len(drain(relay)) == 1


def test_strangers_make_room_for_each_other_and_for_better_ones_but_live_ways_stay():
    table = Channels(4)
    kept = table.give("kept", 0, 0)
    kept.live = 0
    announced = table.give("announced", 1, 0)
    announced.announced_until = 100000
    old = table.give("old", 0, 0)
    new = table.give("new", 0, 1)
    new.used = 1
    assert table.give("stranger", 0, 2).channel == old.channel
    assert table.to("old") is None and table.to("kept") is kept
    table.give("other", 0, 2)
    table.give("more", 0, 3)
    assert table.to("announced") is announced
    for way in table:
        way.live = 3
    assert table.give("late", 0, 4) is None
    assert table.give("late", 0, 4 + LIVE_MS) is not None


def test_a_crowd_of_announced_nodes_leaves_channels_for_those_that_come():
    relay = make()
    for i in range(400):
        assert relay.announced(("192.0.2.1", 1 + i), 60000, i)
    assert len(relay.channels) == ANNOUNCED_MAX
    assert relay.channels.to(("192.0.2.1", 400)) and not relay.channels.to(("192.0.2.1", 1))
    assert live(relay, now=400) and not relay.drops


def test_ways_that_nobody_uses_are_free_again_and_given_as_late_as_can_be():
    relay = make()
    channel = live(relay)
    relay.handle_timer(IDLE_MS - 1)
    assert relay.channels.at(channel)
    relay.handle_timer(IDLE_MS)
    assert not len(relay.channels)
    assert relay.from_line(protected(1), channel, IDLE_MS) is None
    assert relay.announced(("192.0.2.99", 1), 60000, IDLE_MS) != channel


def test_a_way_on_which_only_the_board_speaks_stays():
    relay = make()
    channel = live(relay)
    for now in range(0, 5 * IDLE_MS, IDLE_MS // 4):
        assert relay.from_line(protected(1), channel, now) == PEER
        relay.handle_timer(now + 1)
    assert relay.channels.to(PEER).rank(now) == LIVE
    quiet = relay.announced(("192.0.2.99", 1), 5 * IDLE_MS, now)
    relay.handle_timer(now + IDLE_MS - 1)
    assert relay.from_line(flight(REC_INIT, 3, bytes(51)), quiet, now + IDLE_MS - 1)
    relay.handle_timer(now + IDLE_MS + 1)
    assert relay.channels.at(quiet) and not relay.channels.at(channel)


def test_a_datagram_does_not_reach_the_board_under_a_channel_that_was_given_away():
    relay = make()
    relay.from_network(opening(1), PEER, 0)
    relay.handle_timer(IDLE_MS)
    assert not drain(relay) and relay.drops[NO_CHANNEL] == 1


ADDRESSES = st.sampled_from([(f"192.0.2.{i}", 1) for i in range(6)])
DATAGRAMS = st.one_of(
    st.binary(max_size=MTU + 2),
    st.builds(lambda kind, tail: bytes((kind, 0, 0, 0, 3)) + tail, st.integers(0, 8), st.binary()),
    st.builds(opening, st.integers(1, 9), st.sampled_from([b"", b"c" * 16])),
    st.builds(protected, st.integers(1, 9), st.integers(6, MTU)),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("in"), DATAGRAMS, ADDRESSES),
        st.tuples(st.just("out"), DATAGRAMS, st.integers(0, 255)),
        st.tuples(st.just("answer"), DATAGRAMS, ADDRESSES),
        st.tuples(st.just("line"), st.integers(1, 30)),
        st.tuples(st.just("wait"), st.integers(1, IDLE_MS)),
        st.tuples(st.just("announced"), ADDRESSES),
    ),
    max_size=80,
)


@given(STEPS)
@settings(max_examples=draws(300))
def test_whatever_comes_the_tables_are_bounded_and_agree(steps):
    relay = make()
    now = 0
    for step in steps:
        if step[0] == "in":
            answer = relay.from_network(step[1], step[2], now)
            assert answer is None or len(answer) < len(step[1])
        elif step[0] == "out":
            relay.from_line(step[1], step[2], now)
        elif step[0] == "answer" and (way := relay.channels.to(step[2])):
            relay.from_line(step[1], way.channel, now)
        elif step[0] == "line":
            for _ in range(step[1]):
                item = relay.next_for_line()
                assert item is None or (len(item[0]) <= MTU and relay.channels.at(item[1]))
        elif step[0] == "wait":
            now += step[1]
            relay.handle_timer(now)
        elif step[0] == "announced":
            relay.announced(step[1], 60000, now)
        assert len(relay.channels) <= 6
        assert relay.waiting <= 6 * WAITING + WAITING_OTHERS
        for way in relay.channels:
            assert relay.channels.to(way.address) is way and 0 <= way.credit <= CREDIT_MAX


def test_when_the_flood_is_over_nobody_is_asked_for_a_cookie():
    relay = make()
    for now in range(0, 3000, 10):
        relay.from_network(opening(now + 1), ("203.0.113.1", now), now)
    asked = relay.cookies_asked
    relay.from_network(opening(1), PEER, 3000 + 9000)
    assert relay.cookies_asked == asked + 1
    relay.from_network(opening(2), PEER, 3000 + 10000)
    assert relay.cookies_asked == asked + 1
