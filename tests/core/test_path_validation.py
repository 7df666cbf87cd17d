"""Addresses are not trusted until they answer: what attackers get, and what a proof is worth."""

from dsoftbus.base.codec import get_u32, put_u16, put_u32
from dsoftbus.const import (
    ANSWERS_MAX,
    BODY_CHALLENGE,
    BODY_CLOSE,
    BODY_RESPONSE,
    PACKET_HEADER,
    REC_INIT,
    REC_PROTECTED,
    STRANGERS_ANSWERS_MAX,
)
from dsoftbus.errors import ENTROPY_UNAVAILABLE, MALFORMED, STALE_REPLY, LocalError
from dsoftbus.session.datagram_session import flight
from dsoftbus.session.path_validation import PATH_MS, PATHS, PROOF_PACKET
from moving import (
    VICTIM,
    answers_as,
    dropped,
    nothing,
    proofs,
    raw_packet,
    running,
    say,
    sent,
    size_of,
)
from simulated import Talk

# Floods


def test_a_session_that_is_moved_to_a_victim_does_not_flood_it():
    """The peer itself lies about its address in the middle of a bulk transfer to it."""
    talk = Talk(1, 40000, {"latency_ms": 20, "kilobytes_s": 100}, lose=nothing)
    talk.world.run(200)
    answers_as(talk, VICTIM)
    talk.run()
    talk.world.run(4000)
    to_victim = sent(talk, talk.b.address, VICTIM)
    assert proofs(to_victim) == to_victim, "nothing but challenges"
    assert size_of(to_victim) <= 3 * size_of(sent(talk, VICTIM, talk.b.address))
    assert len(to_victim) <= 3 * (1 + PATHS + talk.world.now_ms // PATH_MS)
    assert talk.sessions[talk.b].path == talk.a.address and talk.sessions[talk.b].moves == 0
    assert dropped(talk, "path_unproved")


def test_no_more_than_three_times_what_came_goes_to_an_address_at_any_moment():
    for seed in range(5):
        talk = running(seed)
        answers_as(talk, VICTIM)
        say(talk, talk.a)
        for _ in range(50):
            talk.world.run(100)
            came = size_of(sent(talk, VICTIM, talk.b.address))
            assert 0 < size_of(sent(talk, talk.b.address, VICTIM)) <= 3 * came


def test_one_small_packet_brings_two_challenges_at_most():
    talk = running()
    talk.network.part(talk.a.address, talk.b.address)  # else the peer says where it is
    talk.b.link.put(raw_packet(talk.sessions[talk.a], b"\x03"), VICTIM)
    talk.world.run(10000)
    assert size_of(sent(talk, talk.b.address, VICTIM)) == 2 * PROOF_PACKET <= 3 * 26


def test_three_times_to_the_byte():
    """A packet of 34 bytes is worth three challenges of 34, one of 33 bytes two."""
    for size, challenges in ((33, 2), (34, 3)):
        talk = running()
        talk.network.part(talk.a.address, talk.b.address)
        message = b"\x02" + bytes(size - 26)
        talk.b.link.put(raw_packet(talk.sessions[talk.a], message), VICTIM)
        talk.world.run(10000)
        assert len(sent(talk, talk.b.address, VICTIM)) == challenges


def test_challenges_are_repeated_at_doubling_intervals():
    talk = running()
    b = talk.sessions[talk.b]
    old, times = talk.a.address, []
    talk.network.part(talk.a.address, talk.b.address)
    wait = b.reliable.rtt.probe_timeout
    talk.network.watch = lambda source, to, data: (
        times.append(talk.world.now_ms) if to == old and len(data) == PROOF_PACKET else None
    )
    talk.b.link.put(raw_packet(talk.sessions[talk.a], b"\x03"), VICTIM)
    talk.world.run(20000)
    gaps = [times[i + 1] - times[i] for i in range(len(times) - 1)]
    assert len(gaps) > 3 and gaps == [wait << i for i in range(len(gaps))]
    assert 1500 < times[-1] - times[0] < 3000 and b.validation is None


def test_what_waits_to_be_sent_is_bounded_and_strangers_leave_room():
    talk = running()
    endpoint = talk.b.endpoint
    now = talk.world.now_ms
    for n in range(100):
        opening = flight(REC_INIT, n, b"\x09\x01\x00" + bytes(48))  # of a version that is none
        endpoint.receive_datagram(bytearray(opening), 1000 + n, now)
    assert len(endpoint.answers) == STRANGERS_ANSWERS_MAX
    for _ in range(100):
        packet = raw_packet(talk.sessions[talk.a], bytes((BODY_CHALLENGE,)) + bytes(8))
        endpoint.receive_datagram(bytearray(packet), talk.a.address, now)
    assert len(endpoint.answers) == ANSWERS_MAX
    talk.b.turn()
    assert not endpoint.answers
    talk.world.run(1000)
    talk.finish()


def test_junk_from_the_old_path_is_no_answer():
    """As long as an answer, of any number: of phases whose key is gone or is not due, too."""
    talk = candidate()
    b = talk.sessions[talk.b]
    validation = b.validation
    for number in (0, 1, 5, 20000, 40000, (1 << 30) - 1, 1 << 31):
        junk = bytearray(flight(REC_PROTECTED, b.connection, bytes(PROOF_PACKET - 5)))
        put_u32(junk, 5, number & 0x3FFFFFFF)
        junk[5] |= number >> 24 & 0xC0
        talk.b.link.put(bytes(junk), talk.a.address)
    assert b.validation is validation and b.moves == 0


def test_four_addresses_are_tried_at_once_and_then_one_in_two_seconds():
    talk = running()
    talk.network.part(talk.a.address, talk.b.address)
    a = talk.sessions[talk.a]

    def tried(address):
        talk.b.link.put(raw_packet(a, b"\x03"), address)
        return len(sent(talk, talk.b.address, address)) > 0

    assert [tried(100 + n) for n in range(PATHS + 2)] == [True] * PATHS + [False] * 2
    assert dropped(talk, "path_not_tried") == 2 and dropped(talk, "path_unproved") == PATHS - 1
    for n in range(3):
        talk.world.run(PATH_MS - 1)
        assert not tried(200 + n)
        talk.world.run(1)
        assert tried(300 + n)
    talk.world.run(2 * PATHS * PATH_MS)
    assert PATHS == 4 and PATH_MS == 2000, "as docs/wire-format.md says"
    assert [tried(400 + n) for n in range(PATHS + 1)] == [True] * PATHS + [False]


def test_challenges_to_this_node_itself_end_nowhere():
    talk = running()
    answers_as(talk, talk.b.address)
    say(talk, talk.a)
    talk.world.run(5000)
    assert talk.sessions[talk.b].path == talk.a.address
    assert 0 < dropped(talk, "unknown_connection") < 10
    assert not talk.closed


class Forwarder:
    """Brings a copy of everything that `a` sends, under its own address and before the original;
    with `relays` also all that comes to that address back to `a`."""

    def __init__(self, talk, relays, every=1):
        self.talk = talk
        self.relays = relays
        self.every = every
        self.seen = 0
        self.to_me = 0
        self.send = talk.network.send
        talk.network.send = self.forward

    def forward(self, source, destination, data):
        talk = self.talk
        if source == talk.a.address:
            self.seen += 1
            if not self.seen % self.every:
                self.send(VICTIM, destination, data)
        elif destination == VICTIM:
            self.to_me += len(data)
            if self.relays:
                self.send(source, talk.a.address, data)
        self.send(source, destination, data)


def check_forwarder(relays, every=1, size=30000):
    talk = Talk(1, size, {"latency_ms": 20, "kilobytes_s": 200}, lose=nothing)
    talk.world.run(100)
    forwarder = Forwarder(talk, relays, every)
    talk.run()
    b = talk.sessions[talk.b]
    talk.world.run(4000)
    assert b.path == talk.a.address, "the path is where the peer is"
    return talk, forwarder


def test_copies_from_elsewhere_do_not_steal_a_session():
    """An attacker that forwards packets without being on the path wins every race, and gets
    nothing."""
    for every in (1, 3):
        talk, forwarder = check_forwarder(False, every)
        assert talk.sessions[talk.b].moves == 0
        assert forwarder.to_me < 5000


def test_a_relay_is_left_for_the_path_that_is_there():
    """The forwarder even brings challenges to the peer, and its answers back first."""
    for every in (1, 3):
        talk, forwarder = check_forwarder(True, every)
        assert talk.sessions[talk.b].moves % 2 == 0
        assert forwarder.to_me < 30000 // 4


def test_a_replayed_answer_counts_only_from_the_old_path_and_only_as_an_answer():
    talk = running()
    b = talk.sessions[talk.b]
    old = sent(talk, talk.a.address, talk.b.address)
    answers_as(talk, VICTIM)
    say(talk, talk.a)
    talk.world.run(7)
    assert b.validation is not None
    for data in old:
        talk.b.link.put(data, talk.a.address)
    assert b.validation is not None and dropped(talk, "replayed") == len(old)


def test_who_lies_blindly_brings_nothing_to_a_victim():
    """48 packets of 36 bytes that acknowledge everything, from an address that hears it all."""
    talk = Talk(1, 50000, {"latency_ms": 20}, lose=nothing)
    talk.world.run(130)
    a, b = talk.sessions[talk.a], talk.sessions[talk.b]
    talk.network.detach(talk.a.link)
    for _ in range(48):
        largest = b.protection.next_number - 1
        plain = bytearray(11)
        plain[0] = 1 << 3
        put_u16(
            plain, put_u16(plain, put_u16(plain, put_u32(plain, 1, largest), 0), 0), largest + 1
        )
        talk.b.link.put(raw_packet(a, plain), VICTIM)
        talk.world.run(20)
    assert size_of(sent(talk, talk.b.address, VICTIM)) < 48 * 36
    assert (talk.b, STALE_REPLY) in talk.closed


# What a proof is worth


def candidate(seed=1):
    """`b` waits for the answer of an address that `a` has not."""
    talk = running(seed)
    answers_as(talk, VICTIM)
    say(talk, talk.a)
    talk.world.run(6)
    assert talk.sessions[talk.b].validation is not None
    return talk


def test_guesses_move_nothing():
    talk = candidate()
    a, b = talk.sessions[talk.a], talk.sessions[talk.b]
    for n in range(256):
        guess = bytes((BODY_RESPONSE, n)) + bytes(7)
        talk.b.link.put(raw_packet(a, guess), VICTIM)
    assert b.moves == 0 and b.path == talk.a.address and not b.closed


def test_an_answer_counts_from_where_it_was_asked():
    """The right bytes, from elsewhere: the peer got the challenge, but not at that address."""
    talk = running()
    a, b = talk.sessions[talk.a], talk.sessions[talk.b]
    talk.network.part(talk.a.address, talk.b.address)
    talk.b.link.put(raw_packet(a, b"\x03"), VICTIM)
    validation = b.validation
    right, old = validation._proof, validation._old_proof
    for where, proof in ((4711, right), (talk.a.address, right), (4711, old), (VICTIM, old)):
        validation.on_response(proof, where)
        assert b.validation is validation and b.path == talk.a.address
    validation.on_response(right, VICTIM)
    assert b.path == VICTIM and b.moves == 1
    validation.on_response(old, talk.a.address)
    assert b.path == talk.a.address and b.validation is None
    assert b.moves == 2 and dropped(talk, "path_unproved") == 1


def test_every_challenge_is_another():
    seen = set()
    for seed in range(4):
        talk = candidate(seed)
        validation = talk.sessions[talk.b].validation
        seen.add(validation._proof)
        seen.add(validation._old_proof)
    assert len(seen) == 8 and min(len(proof) for proof in seen) == 8


def test_bodies_that_are_no_proof_end_the_session():
    for plain in (
        bytes((BODY_CHALLENGE,)),
        bytes((BODY_CHALLENGE,)) + bytes(7),
        bytes((BODY_RESPONSE,)) + bytes(9),
        bytes((BODY_RESPONSE | 1 << 3,)) + bytes(8) + bytes(10),
        bytes((7,)),
        bytes((7,)) + bytes(8),
    ):
        talk = running()
        talk.b.link.put(raw_packet(talk.sessions[talk.a], plain), talk.a.address)
        assert talk.sessions[talk.b].cause == MALFORMED, plain


def test_answers_nobody_asked_for_are_of_no_interest():
    talk = running()
    plain = bytes((BODY_RESPONSE,)) + bytes(8)
    talk.b.link.put(raw_packet(talk.sessions[talk.a], plain), talk.a.address)
    talk.world.run(100)
    assert talk.sessions[talk.b].moves == 0
    talk.finish()


def test_a_challenge_is_answered_where_it_came_from_and_once():
    talk = running()
    plain = bytes((BODY_CHALLENGE,)) + b"unguess!"
    packet = raw_packet(talk.sessions[talk.b], plain)
    for _ in range(10):
        talk.a.link.put(packet, talk.b.address)
    answers = proofs(sent(talk, talk.a.address, talk.b.address))
    assert len(answers) == 1
    data = bytearray(answers[0])
    number = get_u32(data, 5)
    cipher = talk.sessions[talk.b].protection.cipher_of(number)
    end = cipher.open_numbered(number, data, PACKET_HEADER, len(data))
    assert bytes(data[PACKET_HEADER:end]) == bytes((BODY_RESPONSE,)) + b"unguess!"


def test_a_close_from_elsewhere_ends_the_session_and_moves_nothing():
    talk = running()
    talk.b.link.put(raw_packet(talk.sessions[talk.a], bytes((BODY_CLOSE, 1))), VICTIM)
    talk.world.run(5000)
    assert talk.closed[0][0] is talk.b
    assert not sent(talk, talk.b.address, VICTIM)


def test_no_random_bytes_no_move():
    talk = running()

    def fails(n):
        raise LocalError(ENTROPY_UNAVAILABLE)

    talk.b.node.local.random = fails
    talk.network.move(talk.a.link)
    say(talk, talk.a)
    talk.world.run(1000)
    assert talk.sessions[talk.b].moves == 0 and not talk.closed
