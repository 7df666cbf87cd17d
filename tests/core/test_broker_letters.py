"""Letters: a vector, the way there and back, three days' inboxes, and every kind of drop."""

from binascii import unhexlify

from dsoftbus.broker.drop_labels import labelled
from dsoftbus.broker.group import EPOCH_S, Group
from dsoftbus.broker.letters import AGE_S, LETTER_HEAD, LETTER_MAX, LETTER_MTU, Letters
from dsoftbus.handshake.arrivals import host_of

SECRET = bytes(range(32))
DEVICE = "abcdefghijklmnopqrstuvwxyz"
PEER = "zyxwvutsrqponmlkjihgfedcba"
NOON = 20788 * EPOCH_S + 43200
# By `python3 tests/core/broker_vectors.py`.
LETTER = unhexlify(b"016b0eb6c0116924ef5e501048a3440517b74a53b1bf43646174616772616d")
MALFORMED = "broker.drop.malformed"
NOT_FROM_GROUP = "broker.drop.not_from_group"
OVER_BUDGET = "broker.drop.over_budget"
TOO_OLD = "broker.drop.too_old"


class Node:
    """One side, with the letter that it wrote last."""

    def __init__(self, device: str, secret: bytes = SECRET, senders: int = 16) -> None:
        self.device = device
        self.letters = Letters(Group(secret), device, senders)
        self.out = bytearray(LETTER_MAX)

    def write(self, to: str, datagram: bytes, at_s: int = NOON, epoch_s: int = NOON) -> tuple:
        path = self.letters.path_to(to, epoch_s)
        stop = self.letters.seal(self.out, 0, datagram, len(datagram), path, at_s)
        return self.letters.topic_to(path, at_s), bytes(self.out[:stop])

    def read(self, topic: str, letter: bytes, at_s: int = NOON, now: int = 0) -> bytes | None:
        return self.letters.open(topic, letter, 0, len(letter), at_s, now)

    def seen(self) -> dict:
        return labelled(self.letters.drops)


def test_a_letter_as_others_compute_it():
    one, other = Node(DEVICE), Node(PEER)
    topic, letter = one.write(PEER, b"datagram")
    assert letter == LETTER
    assert other.read(topic, letter) == one.letters.path_to(DEVICE, NOON)
    assert letter[LETTER_HEAD:] == b"datagram"
    assert topic in other.letters.topics(NOON)


def test_an_answer_goes_to_where_the_letter_came_from():
    one, other = Node(DEVICE), Node(PEER)
    path = other.read(*one.write(PEER, b"hello"))
    stop = other.letters.seal(other.out, 0, b"you, too", 8, path, NOON)
    topic = other.letters.topic_to(path, NOON)
    assert one.read(topic, bytes(other.out[:stop])) == one.letters.path_to(PEER, NOON)


def test_letters_in_the_middle_of_a_buffer():
    one, other = Node(DEVICE), Node(PEER)
    path = one.letters.path_to(PEER, NOON)
    room = bytearray(100)
    stop = one.letters.seal(room, 7, b"datagram", 8, path, NOON)
    assert bytes(room[7:stop]) == LETTER
    topic = one.letters.topic_to(path, NOON)
    assert other.letters.open(topic, room, 7, stop, NOON, 0)


def test_the_longest_and_the_shortest():
    one, other = Node(DEVICE), Node(PEER)
    assert other.read(*one.write(PEER, bytes(LETTER_MTU)))
    assert other.read(*one.write(PEER, b"x"))
    topic, letter = one.write(PEER, bytes(LETTER_MTU))
    assert other.read(topic, letter + b"x") is None
    assert other.read(topic, letter[:LETTER_HEAD]) is None
    assert other.read(topic, b"") is None
    assert other.read(topic, b"\x02" + letter[1:]) is None
    assert other.read("b/elsewhere", letter) is None
    assert other.seen() == {MALFORMED: 5}


def test_every_changed_bit_is_noticed():
    one = Node(DEVICE)
    topic, letter = one.write(PEER, b"datagram")
    for at in range(1, len(letter)):
        wrong = bytearray(letter)
        wrong[at] ^= 1 << at % 8
        other = Node(PEER)
        assert other.read(topic, bytes(wrong)) is None
        assert other.seen() == {NOT_FROM_GROUP: 1}


def test_a_letter_to_one_is_none_to_another():
    one, other, third = Node(DEVICE), Node(PEER), Node("thethirdthethirdthethirdth")
    _, letter = one.write(PEER, b"datagram")
    topic, _ = one.write(third.device, b"datagram")
    assert third.read(topic, letter) is None  # a broker that delivers to the wrong inbox
    assert third.seen() == {NOT_FROM_GROUP: 1}
    assert other.read(topic, letter) is None
    assert other.seen() == {MALFORMED: 1}


def test_another_group_is_a_stranger():
    stranger, other = Node(DEVICE, bytes(32)), Node(PEER)
    topic = other.letters.topics(NOON)[1]
    assert other.read(topic, stranger.write(PEER, b"datagram")[1]) is None
    assert other.seen() == {NOT_FROM_GROUP: 1}


def test_clocks_may_differ_and_not_by_much():
    for skew in (-AGE_S, AGE_S):
        one, other = Node(DEVICE), Node(PEER)
        assert other.read(*one.write(PEER, b"x", NOON + skew))
    for skew in (-AGE_S - 1, AGE_S + 1):
        one, other = Node(DEVICE), Node(PEER)
        assert other.read(*one.write(PEER, b"x", NOON + skew)) is None
        assert other.seen() == {TOO_OLD: 1}


def test_yesterday_s_letters_are_of_no_use():
    one, other = Node(DEVICE), Node(PEER)
    topic, letter = one.write(PEER, b"x", NOON - EPOCH_S, NOON - EPOCH_S)
    assert topic in other.letters.topics(NOON)  # it is still listened to
    assert other.read(topic, letter) is None
    assert other.seen() == {TOO_OLD: 1}
    topic, letter = one.write(PEER, b"x", NOON - 2 * EPOCH_S, NOON - 2 * EPOCH_S)
    assert topic not in other.letters.topics(NOON)


def test_at_midnight_a_session_moves():
    midnight = NOON + 43200
    one, other = Node(DEVICE), Node(PEER)
    before = one.letters.path_to(PEER, midnight - 1)
    stop = one.letters.seal(one.out, 0, b"x", 1, before, midnight)  # to the old inbox
    topic = one.letters.topic_to(before, midnight)
    path = other.letters.open(topic, one.out, 0, stop, midnight, 0)
    assert path == one.letters.path_to(DEVICE, midnight)  # from the new one
    assert path != one.letters.path_to(DEVICE, midnight - 1)
    stop = other.letters.seal(other.out, 0, b"x", 1, path, midnight)
    topic = other.letters.topic_to(path, midnight)
    assert topic in one.letters.topics(midnight)
    assert one.letters.open(topic, other.out, 0, stop, midnight, 0)


def test_who_is_a_day_behind_is_reached_still():
    one, other = Node(DEVICE), Node(PEER)
    path = one.letters.path_to(PEER, NOON)
    for days, there in ((1, True), (-1, True), (2, False), (-2, False)):
        at_s = NOON + days * EPOCH_S
        stop = one.letters.seal(one.out, 0, b"x", 1, path, at_s)
        topic = one.letters.topic_to(path, at_s)
        assert (stop > 0) == there == (topic in other.letters.topics(at_s))


def test_a_path_is_eleven_bytes_and_tells_hosts_apart():
    letters = Node(DEVICE).letters
    one, other = letters.path_to(DEVICE, NOON), letters.path_to(PEER, NOON)
    assert len(one) == len(other) == 11
    assert host_of(one) != host_of(other)


def test_a_flood_of_strangers_is_dropped_unread():
    other = Node(PEER)
    topic = other.letters.topics(NOON)[1]
    for i in range(500):
        assert other.read(topic, b"\x01" + bytes((i & 255, i >> 8)) * 30, NOON, i) is None
    read = other.seen()[NOT_FROM_GROUP]
    assert read <= 31 and other.seen()[OVER_BUDGET] == 500 - read


def test_who_is_known_goes_on_in_a_flood():
    one, late, other = Node(DEVICE), Node("latelatelatelatelatelatela"), Node(PEER)
    topic, letter = one.write(PEER, b"x")
    assert other.read(topic, letter)
    for i in range(100):
        other.read(topic, b"\x01" + bytes((i,)) * 40, NOON, 10)
        assert other.read(topic, letter, NOON, 10)
    assert other.read(*late.write(PEER, b"x"), NOON, 10) is None  # no more than a flood would do
    assert other.read(*late.write(PEER, b"x"), NOON, 1100)


def test_a_flood_in_one_s_name_harms_that_one_alone():
    one, second, other = Node(DEVICE), Node("latelatelatelatelatelatela"), Node(PEER)
    topic, letter = one.write(PEER, b"x")
    assert other.read(topic, letter) and other.read(*second.write(PEER, b"x"))
    for _ in range(100):
        assert other.read(topic, letter[:-1] + b"y", NOON, 10) is None
    assert other.read(topic, letter, NOON, 10) is None
    assert other.read(*second.write(PEER, b"x"), NOON, 10)
    assert other.read(topic, letter, NOON, 1100)


def test_budgets_are_kept_for_so_many():
    other = Node(PEER, SECRET, 4)
    topic = other.letters.topics(NOON)[1]
    for name in "abcdefgh":
        one = Node(name * 26)
        assert other.read(*one.write(PEER, b"x"))
    for i in range(40):
        other.read(topic, b"\x01" + bytes((i,)) * 40)
    assert other.read(*Node("h" * 26).write(PEER, b"x"))
    assert other.read(*Node("a" * 26).write(PEER, b"x")) is None  # forgotten: it is as a stranger
