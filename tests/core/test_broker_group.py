"""Groups: their names and keys against vectors that were made apart, and their token."""

from binascii import hexlify, unhexlify

from dsoftbus.broker import group_token
from dsoftbus.broker.group import Group, Mac, same
from dsoftbus.errors import BAD_ARGUMENT, BAD_GROUP_TOKEN
from dsoftbus.identity import base32
from support import raises

SECRET = bytes(range(32))
DEVICE = "abcdefghijklmnopqrstuvwxyz"
DAY = 20788
NOON = DAY * 86400 + 43200
# By `python3 tests/core/broker_vectors.py`, which has the formulas of docs/broker.md alone.
VECTORS = {
    "inboxes": "b/4gbsksu3agzcb5fl",
    "cards": "b/a3ipm2pszasbscb3",
    "inbox": "116924ef5e501048a344",
    "slot": "2be7390602c3ef02809f",
    "clock": "b/47vv6o3uqe4cp333",
}
TOKEN = (
    "dsoftbus-group:aeaacaqdaqcqmbyibefawdanbyhraeiscmkbkfqxdamrugy4dupb6bd"
    "in5wwkalcaang24luoq5c6l3cojxwwzlsfzsxqylnobwgkorrha4dhaoordwq"
)


def group(**changes) -> Group:
    return Group(SECRET, "home", "mqtt://broker.example:1883", **changes)


def test_the_names_of_a_day():
    epoch = group().epoch(DAY)
    assert epoch.inboxes == VECTORS["inboxes"]
    assert epoch.cards == VECTORS["cards"]
    assert group().clock_topic == VECTORS["clock"]
    assert hexlify(epoch.inbox(DEVICE)).decode() == VECTORS["inbox"]
    assert hexlify(epoch.slot(DEVICE)).decode() == VECTORS["slot"]
    assert epoch.inbox_topic(epoch.inbox(DEVICE)) == epoch.inboxes + "/" + base32(
        unhexlify(VECTORS["inbox"])
    )


def test_a_code_in_parts_is_the_code_of_the_whole():
    code = Mac(b"key")
    begun = code.begin()
    begun.update(b"what do ya want ")
    begun.update(b"for nothing?")
    assert code.end(begun) == code.digest(b"what do ya want for nothing?")
    # RFC 4231, test case 2
    assert hexlify(Mac(b"Jefe").digest(b"what do ya want for nothing?")) == (
        b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_a_day_before_and_a_day_after():
    days = [epoch.number for epoch in group().around(NOON)]
    assert days == [DAY - 1, DAY, DAY + 1]
    assert group().at(NOON - 43200).number == DAY
    assert group().at(NOON - 43201).number == DAY - 1


def test_the_same_epoch_is_made_once():
    here = group()
    assert here.at(NOON) is here.at(NOON + 1)
    for number in range(DAY, DAY + 9):
        here.epoch(number)
    assert here.epoch(DAY).inboxes == VECTORS["inboxes"]  # made again, and the same
    here.around(NOON)
    assert here.epoch(DAY) is here.epoch(DAY)


def test_nothing_of_two_days_is_the_same():
    one, other = group().epoch(DAY), group().epoch(DAY + 1)
    assert one.inbox(DEVICE) != other.inbox(DEVICE) != other.slot(DEVICE)
    assert one.inboxes != other.inboxes
    assert one.letters.digest(b"") != other.letters.digest(b"")


def test_what_is_no_group():
    raises(BAD_ARGUMENT, Group, SECRET[:31])
    for prefix in ("", "a/+", "#", "$SYS", "a\0"):
        raises(BAD_ARGUMENT, Group, SECRET, "", "", prefix)


def test_codes_are_compared_whole():
    assert same(b"12345678", b"12345678")
    for at in range(8):
        other = bytearray(b"12345678")
        other[at] ^= 1
        assert not same(b"12345678", bytes(other))


def test_the_token_there_and_back():
    assert group_token.encode(group()) == TOKEN
    for text in (TOKEN, TOKEN.upper(), " " + TOKEN + "\n"):
        found = group_token.decode(text)
        assert (found.secret, found.name, found.prefix) == (SECRET, "home", "b")
        assert found.broker == "mqtt://broker.example:1883"
        assert found.clock_topic == VECTORS["clock"]
    other = group(prefix="lab/one")
    assert group_token.decode(group_token.encode(other)).prefix == "lab/one"


def test_a_typing_error_shows():
    for at in range(len("dsoftbus-group:"), len(TOKEN)):
        wrong = TOKEN[:at] + ("b" if TOKEN[at] == "a" else "a") + TOKEN[at + 1 :]
        raises(BAD_GROUP_TOKEN, group_token.decode, wrong)
    for wrong in ("", "dsoftbus-group:", TOKEN[:-1], TOKEN + "a", TOKEN[1:], TOKEN * 9, "\ud800"):
        raises(BAD_GROUP_TOKEN, group_token.decode, wrong)


def test_what_no_token_can_say():
    for changes in (("n" * 33,), ("a\nb",), ("n", "u" * 513), ("n", "u", "p" * 65)):
        raises(BAD_ARGUMENT, group_token.encode, Group(SECRET, *changes))
