"""The trust store: its text there and back, and every cut and every flip of it found."""

from dsoftbus.const import NODE_NAME_MAX, SMALL, TINY, U30_MAX
from dsoftbus.errors import AMBIGUOUS_NAME, BAD_ARGUMENT, STORE_DAMAGED, STORE_FULL
from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus.trust.store_text import decode, text_max
from support import raises, signed


def key(n: int) -> bytes:
    return bytes((n,)) * 32


def sample() -> TrustStore:
    store = TrustStore(SMALL)
    store.add(Entry(key(1), 'Küche "A" \\ \n', [grant("allow in sensor/*")], 1700000000))
    store.add(Entry(key(2), "", [grant("allow both *"), grant("deny out a b")]))
    store.get(device_id(key(2))).next_public = key(3)
    store.get(device_id(key(2))).next_for_s = 7200
    store.add_rule(rule("allow in paired echo"))
    store.add_rule(rule("deny both * secret/*"))
    return store


def damaged(text: str) -> None:
    raises(STORE_DAMAGED, decode, text, SMALL)


def test_a_store_comes_back_as_it_was():
    text = sample().encode()
    store = decode(text, SMALL)
    assert store.encode() == text
    entry = store.get(device_id(key(1)))
    assert (entry.public, entry.name) == (key(1), 'Küche "A" \\ \n')
    assert (entry.paired_at, entry.next_public) == (1700000000, b"")
    assert [str(g) for g in entry.grants] == ["allow in sensor/*"]
    assert [str(r) for r in store.rules] == ["allow in paired echo", "deny both * secret/*"]
    entry = store.get(device_id(key(2)))
    assert (entry.next_public, entry.next_for_s) == (key(3), 7200)
    assert str(entry.grants[1]) == "deny out a b"


def test_the_text_of_an_empty_store_is_fixed():
    expected = '{"dsoftbus-trust":1,\n"peers":[\n\n],\n"rules":[],\n"check":"'
    text = TrustStore(SMALL).encode()
    assert text[:-19] == expected
    assert text[-3:] == '"}\n'
    assert len(decode(text, SMALL)) == 0


def test_the_order_of_adding_leaves_no_trace():
    one, other = TrustStore(SMALL), TrustStore(SMALL)
    for n in range(8):
        one.add(Entry(key(n)))
        other.add(Entry(key(7 - n)))
    assert one.encode() == other.encode()
    ids = [entry.id for entry in one]
    assert ids == sorted(ids)


def test_every_cut_is_damage():
    text = sample().encode()
    for n in range(len(text)):
        damaged(text[:n])
    damaged(text + "\n")
    damaged("")


def test_every_changed_character_is_damage():
    text = sample().encode()
    for n in range(len(text)):
        damaged(text[:n] + ("x" if text[n] != "x" else "y") + text[n + 1 :])


def test_a_right_check_does_not_make_a_text_right():
    text = sample().encode()
    body = text[: text.rfind(',\n"check"')]
    assert signed(body) == text
    damaged(signed(body.replace('trust":1', 'trust":2')))
    damaged(signed(body.replace('"rules"', '"rulez"')))
    damaged(signed(body.replace(device_id(key(1)), device_id(key(4)))))
    damaged(signed(body.replace("01010101", "0101010")))
    damaged(signed(body.replace("allow in sensor", "allow up sensor")))
    damaged(signed(body.replace("1700000000", "17e8")))
    damaged(signed(body.replace("1700000000", "true")))
    damaged(signed(body.replace("1700000000", '"now"')))
    damaged(signed(body.replace('"grants":[', '"grants":[[],')))
    damaged(signed("[" * 300))
    damaged(signed("null"))
    rules = text.rfind(',\n"check"')
    for end in ("x\n", ", \n", "\n", ",\n\n", ";\n"):
        damaged(text[:rules] + end + text[rules + 2 :])
        damaged(signed(body.replace("},\n{", "}" + end + "{")))


def test_numbers_and_keys_that_are_none_are_damage():
    good = sample().encode()
    body = good[: good.rfind(',\n"check"')]
    time = '"paired_at":1700000000'
    later = '"next_for_s":0'
    assert time in body and later in body
    odd = ["Infinity", "-Infinity", "NaN", "1e999", "1.5", "true", "null", '"1"', "[]", "{}", "-1"]
    odd += ["1" * 400, "9" * 5000, "1" + "0" * 20]
    for value in odd:
        damaged(signed(body.replace(time, '"paired_at":' + value, 1)))
        damaged(signed(body.replace(later, '"next_for_s":' + value, 1)))
    damaged(signed(body.replace('"next":""', '"next":"00"', 1)))
    damaged(signed(body.replace('"next":""', '"next":"0"', 1)))
    damaged(signed("[" * 9000 + "]" * 9000))
    damaged(signed('{"a":' * 3000 + "}" * 3000))


def test_a_store_is_bounded():
    store = TrustStore(TINY)
    for n in range(TINY.trusted):
        store.add(Entry(key(n)))
    raises(STORE_FULL, store.add, Entry(key(99)))
    store.add(Entry(key(0), "again"))
    assert store.get(device_id(key(0))).name == "again"
    grants = [grant("allow in %d" % n) for n in range(TINY.rules + 1)]
    raises(STORE_FULL, store.add, Entry(key(0), "", grants))
    for n in range(TINY.rules):
        store.add_rule(rule("allow in * %d" % n))
    store.add_rule(rule("allow in * 0"))  # is there already
    raises(STORE_FULL, store.add_rule, rule("allow in * more"))
    raises(STORE_FULL, decode, "x" * 100000, TINY)


def test_the_fullest_store_of_a_profile_fits_and_no_text_that_is_longer():
    store = TrustStore(TINY)
    name = "\x01" * NODE_NAME_MAX  # the longest that a name becomes
    longest = "x" * 64
    grants = [grant("allow both " + longest)] * TINY.rules
    for n in range(TINY.trusted):
        entry = Entry(key(n), name, grants, U30_MAX)
        entry.next_public, entry.next_for_s = key(9), 2 * U30_MAX
        store.add(entry)
    for n in range(TINY.rules):
        store.add_rule(rule("allow both %s %02d" % (device_id(key(n)), n) + "x" * 62))
    text = store.encode()
    assert decode(text, TINY).encode() == text
    limit = text_max(TINY)
    assert len(text) <= limit < 2 * len(text)
    raises(STORE_DAMAGED, decode, "x" * limit, TINY)
    raises(STORE_FULL, decode, "x" * (limit + 1), TINY)


def test_the_text_of_a_larger_profile_is_too_much_and_not_damaged():
    store = TrustStore(SMALL)
    for n in range(TINY.trusted + 1):
        store.add(Entry(key(n)))
    raises(STORE_FULL, decode, store.encode(), TINY)


def test_every_change_has_a_revision():
    store = TrustStore(SMALL)
    entry = Entry(key(1))
    echo = rule("allow in * echo")
    for step in (
        lambda: store.add(entry),
        lambda: store.touch(),
        lambda: store.adopt(sample()),
        lambda: store.adopt(decode(sample().encode(), SMALL)),
        lambda: store.add(entry),
        lambda: store.add_rule(echo),
        lambda: store.remove_rule(echo),
        lambda: store.remove(entry.id),
    ):
        before = store.revision
        step()
        assert store.revision == before + 1
    before = store.revision
    assert store.remove(entry.id) is None
    assert not store.remove_rule(echo)
    assert store.revision == before
    assert decode(store.encode(), SMALL).revision == 0


def test_a_person_finds_an_entry_by_id_or_name():
    store = TrustStore(SMALL)
    store.add(Entry(key(1), "kitchen"))
    store.add(Entry(key(2), "hall"))
    store.add(Entry(key(3), "hall"))
    assert store.find("kitchen").public == key(1)
    assert store.find(device_id(key(2))[:10]).public == key(2)
    refused = raises(AMBIGUOUS_NAME, store.find, "hall")  # two of them: an id must tell
    assert device_id(key(2)) in refused.detail and device_id(key(3)) in refused.detail
    assert store.find("") is None
    assert store.find("cellar") is None
    assert len(store.named("hall")) == 2


def test_what_was_allowed_goes_with_its_peer_and_what_was_denied_stays():
    store = sample()
    one, other = device_id(key(1)), device_id(key(2))
    for text in ("allow in %s a" % one, "deny in %s b" % one, "allow out %s a" % other):
        store.add_rule(rule(text))
    before = store.revision
    assert store.remove(one).id == one
    assert store.revision == before + 1
    assert [str(r) for r in store.rules] == [
        "allow in paired echo",
        "deny both * secret/*",
        "deny in %s b" % one,
        "allow out %s a" % other,
    ]
    assert store.remove(one) is None
    assert store.revision == before + 1
    stranger = device_id(key(7))
    store.add_rule(rule("allow in %s a" % stranger))
    assert store.remove(stranger) is None  # never paired: the rule was all that it had
    assert store.revision == before + 3
    assert stranger not in store.encode()


def test_an_entry_is_what_a_key_can_be():
    raises(BAD_ARGUMENT, Entry, bytes(31))
    raises(BAD_ARGUMENT, Entry, bytes(32), "n" * 33)
