"""Numbers that are left out: nobody can foresee them, nobody honest acknowledges them."""

from dsoftbus.base.codec import put_u16, put_u32
from dsoftbus.const import HOST, PACKET_HEADER, REKEY_RECORDS
from dsoftbus.errors import ENTROPY_UNAVAILABLE, STALE_REPLY, LocalError
from dsoftbus.noise.cipher_state import CipherState
from dsoftbus.packet.acks import HORIZON, AckRanges, AckReader
from dsoftbus.packet.gaps import FIRST_SPAN, LAST_SPAN, LEAST, GappedProtect
from dsoftbus.packet.packets import DatagramProtect
from dsoftbus.session.point_to_point import PointToPoint
from simulated import SUITE, Talk
from support import Random, raises

KEYS = bytes(range(32)), bytes(range(32, 64))


def nothing(kind, n):
    return False


class Unsealed(CipherState):
    """A cipher that only counts: what is of interest here is which numbers it is given."""

    def __init__(self):
        self.n = 0
        self.rekeys = []

    def seal(self, ad, src, start, end, dst, at):
        self.n += 1
        return at

    def rekey(self):
        self.rekeys.append(self.n)


def numbers(count, random, rekey=REKEY_RECORDS):
    """The numbers of `count` packets, and when the key changed."""
    cipher = Unsealed()
    shield = GappedProtect(random, cipher, cipher, 7, 64, rekey)
    out = bytearray(40)
    found = []
    for _ in range(count):
        found.append(shield.next_number)
        shield.seal(b"", 0, 0, out)
    return found, cipher.rekeys


def gaps(found):
    """The numbers that are not there."""
    there = set(found)
    return [n for n in range(found[-1]) if n not in there]


def test_single_numbers_are_left_out_often_at_first_and_then_now_and_then():
    first = set()
    for seed in range(30):
        found, _ = numbers(400, Random(seed))
        left_out = gaps(found)
        first.add(left_out[0])
        assert LEAST <= left_out[0] < LEAST + FIRST_SPAN
        for i in range(1, len(left_out)):
            assert left_out[i] - left_out[i - 1] > LEAST
    assert len(first) > 15 and min(first) < 20 < 50 < max(first)
    found, _ = numbers(20000, Random(7))
    left_out = gaps(found)
    assert 20000 // LAST_SPAN <= len(left_out) < 30


def test_late_gaps_are_anywhere_in_their_span():
    found, _ = numbers(100000, Random(3))
    left_out = gaps(found)[4:]
    apart = [left_out[i + 1] - left_out[i] - 1 for i in range(len(left_out) - 1)]
    assert max(apart) < LEAST + LAST_SPAN and len(set(apart)) > len(apart) // 2
    assert min(apart) < LAST_SPAN // 4 and max(apart) > LAST_SPAN * 3 // 4


def test_a_phase_is_never_entered_by_leaving_out():
    """The key changes before each first number of a phase, and only then."""
    for seed in range(20):
        found, rekeys = numbers(3000, Random(seed), 8)
        assert rekeys == list(range(8, rekeys[-1] + 1, 8)) and rekeys[-1] > found[-1] - 8
        assert gaps(found) and not [n for n in gaps(found) if n % 8 == 7]


def test_both_ends_agree_on_keys_and_numbers_across_gaps():
    one = [CipherState(SUITE, key) for key in KEYS]
    other = [CipherState(SUITE, key) for key in KEYS]
    a = GappedProtect(lambda n: bytes(n), one[0], one[1], 7, 64, 16)  # as often as can be
    b = DatagramProtect(other[1], other[0], 9, 64, 16)
    seen = []
    for i in range(100):
        a._span = 1
        out = bytearray(40)
        data = out[: a.seal(bytes((i,)), 0, 1, out)]
        end = b.open(data, len(data))
        assert data[PACKET_HEADER:end] == bytes((i,)) and b.newest
        seen.append(b.number)
    assert seen[-1] > 115 and b._phase == seen[-1] // 16


def judged(shield, largest, ranges):
    """Returns the judgement of `shield` on an acknowledgement; `ranges`: (gap, count) downward."""
    raw = bytearray(6 + 4 * len(ranges))
    at = put_u16(raw, put_u32(raw, 0, largest), 0)
    for gap, count in ranges:
        at = put_u16(raw, put_u16(raw, at, gap), count)
    reader = AckReader()
    reader.read(raw, 0, len(ranges))
    return shield.judge(reader)


def test_an_acknowledgement_that_covers_a_gap_is_false():
    shield = GappedProtect(lambda n: bytes(n), Unsealed(), Unsealed(), 7, 64)
    out = bytearray(40)
    for _ in range(20):
        shield.seal(b"", 0, 0, out)  # 4, 9, 14, 19 and 24 are left out
    assert shield._gaps == [9, 14, 19, 24] and shield.next_number == 25
    assert judged(shield, 3, [(0, 4)]) == 0
    assert judged(shield, 23, [(0, 4), (1, 4), (1, 4)]) == 0
    for largest, ranges in (
        (9, [(0, 1)]),
        (24, [(0, 1)]),  # left out last, and nothing was sent after it
        (23, [(0, 5)]),
        (23, [(0, 4), (1, 5)]),
        (23, [(0, 23)]),
        (25, [(0, 1)]),  # what comes next
    ):
        assert judged(shield, largest, ranges) == -1, (largest, ranges)


def test_what_was_left_out_is_not_late():
    shield = GappedProtect(lambda n: bytes(n), Unsealed(), Unsealed(), 7, 64)
    out = bytearray(40)
    for _ in range(20):
        shield.seal(b"", 0, 0, out)
    assert shield._gaps[3] == 24
    shield.seal(b"", 0, 0, out)
    shield.seal(b"", 0, 0, out)
    shield.seal(b"", 0, 0, out)
    assert [judged(shield, n, [(0, 1)]) for n in (25, 26, 27)] == [1, 1, 0]


def test_without_random_bytes_nothing_is_left_out_and_the_session_lives():
    def fails(n):
        raise LocalError(ENTROPY_UNAVAILABLE)

    found, _ = numbers(300, fails)
    assert found == list(range(300))


def test_ranges_far_below_are_forgotten():
    acks = AckRanges()
    for number in range(3 * HORIZON):
        if number not in (10, 20, 2 * HORIZON + 5):
            acks.add(number, True, 0)
    assert acks.count == 2  # the last gap is near enough
    reader = AckReader()
    out = bytearray(60)
    reader.read(out, 0, acks.write(out, 0, 60, 0))
    assert reader.largest == 3 * HORIZON - 1 and reader.low[0] == 2 * HORIZON + 6


# In sessions


def test_whole_sessions_leave_numbers_out_and_lose_nothing():
    for seed in range(2):
        faults = {"latency_ms": 10, "loss": 20, "reorder": 100, "duplicate": 50}
        talk = Talk(seed, 12000, faults, HOST, mtu=200)
        talk.run()
        for node in (talk.a, talk.b):
            shield = talk.sessions[node].protection
            assert shield._gaps[3] >= 0
        talk.finish()


def test_gaps_alone_make_nobody_send_again():
    talk = Talk(1, 12000, {"latency_ms": 10}, HOST, mtu=200)
    talk.run()
    for node in (talk.a, talk.b):
        reliable = talk.sessions[node].reliable
        assert reliable.segments_resent == 0
    talk.finish()


class Optimist(AckRanges):
    """Acknowledges all up to the newest, whatever has arrived, and some that are on their way."""

    ahead = 0

    def write(self, out, at, limit, now):
        if not super().write(out, at, limit, now):
            return 0
        largest = self._last[0] + self.ahead
        put_u16(out, put_u16(out, put_u16(out, put_u32(out, at, largest), 0), 0), largest + 1)
        return 1


def check_optimist(ahead):
    talk = Talk(1, 20000, {"latency_ms": 20, "kilobytes_s": 50, "loss": 20}, mtu=200)
    talk.world.run(3600000, lambda: talk.sessions[talk.a] and talk.sessions[talk.a].reliable)
    optimist = talk.sessions[talk.a].reliable.acks = Optimist()
    optimist.ahead = ahead
    talk.world.run(60000)
    assert (talk.b, STALE_REPLY) in talk.closed
    return len(talk.got[talk.a])


def test_who_acknowledges_what_has_not_arrived_is_found_out():
    for ahead in (0, 1, 5):
        assert check_optimist(ahead) < 20000


def test_a_cable_leaves_nothing_out():
    """Nobody else is there, and the least node need not hold the code."""
    protect = PointToPoint(HOST).protect(Unsealed(), Unsealed(), 7, 64)
    assert type(protect) is DatagramProtect
    assert (
        type(Talk(1, 0).a.endpoint.medium.protect(Unsealed(), Unsealed(), 7, 64)) is GappedProtect
    )


def test_a_false_acknowledgement_of_a_gap_names_itself():
    talk = Talk(1, 0, {"latency_ms": 1})
    talk.run()
    a, b = talk.sessions[talk.a], talk.sessions[talk.b]
    while b.protection._gaps[3] < 0:
        assert b.send_datagram(b"x")
        talk.b.turn()
        talk.world.run(20)
    gap = b.protection._gaps[3]
    raw = bytearray(10)
    put_u16(raw, put_u16(raw, put_u16(raw, put_u32(raw, 0, gap), 0), 0), 1)
    acks = AckReader()
    acks.read(raw, 0, 1)
    raises(
        "core.reject.nonce_mismatch_or_stale_reply",
        b.reliable.recovery.acknowledged,
        raw,
        0,
        1,
        b.protection,
        talk.world.now_ms,
    )
    assert not a.closed
    talk.finish()
