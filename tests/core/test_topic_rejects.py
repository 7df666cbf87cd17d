"""Messages of topics that are none, come twice, or too often: each has its label."""

from dsoftbus.const import SMALL
from dsoftbus.errors import (
    INVALID_NAME,
    INVALID_STATE_TRANSITION,
    MALFORMED,
    STALE_REPLY,
    WINDOW_CREDIT,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.service.pieces import MORE
from dsoftbus.service.subscriber import OVER, Seen, Subscriber
from dsoftbus.service.topic_messages import (
    CLOSED,
    CREDIT,
    EVENT,
    GRANT,
    SUBSCRIBE,
    TAKEN,
    UNSUBSCRIBE,
    UPDATE,
    item_head,
    put_item,
    put_number,
)
from support import Random, raises
from topic_world import EPOCH, ROOM, World, answers, asked, item, message, subscribed


def test_reject_ids_twice_and_unknown():
    publisher = asked(number=2)
    for number in (1, 2):
        raises(STALE_REPLY, publisher.receive, message(SUBSCRIBE, number, b"#"), 0)
    for kind in (GRANT, UNSUBSCRIBE):
        raises(INVALID_STATE_TRANSITION, publisher.receive, message(kind, 3, b"\1"), 0)
        publisher.receive(message(kind, 1, b"\1"), 0)  # it may have been closed
    subscriber, _ = subscribed()
    for kind in (TAKEN, UPDATE, CLOSED):
        subscriber.receive(message(kind, 7, b"?"), 0)
    assert subscriber.stale == 3


def test_reject_credit_beyond_its_bound():
    for body in (b"", b"\0", b"\1", b"\xff", b"\1\1"):
        publisher = asked()
        raises(INVALID_STATE_TRANSITION, publisher.receive, message(GRANT, 1, body), 0)


def test_reject_updates_that_were_not_granted():
    subscriber, subscription = subscribed()
    for i in range(CREDIT):
        subscriber.receive(message(UPDATE, 1, item("a", i + 1)), 0)
    raises(WINDOW_CREDIT, subscriber.receive, message(UPDATE, 1, item("a", 99)), 0)
    for _ in range(CREDIT // 2):
        subscriber.take(subscription)
    assert subscriber.message(ROOM) == message(GRANT, 1, bytes((CREDIT // 2,)))


def test_reject_messages_of_the_wrong_side_or_state():
    for kind in (0, TAKEN, UPDATE, CLOSED, 7, 0x7F):
        raises(INVALID_STATE_TRANSITION, asked, kind)
    for kind in (0, SUBSCRIBE, UNSUBSCRIBE, GRANT, 7, 0x7F):
        raises(INVALID_STATE_TRANSITION, subscribed()[0].receive, message(kind, 1), 0)
    subscriber = Subscriber(SMALL)
    subscriber.subscribe("#", Seen(4))
    raises(INVALID_STATE_TRANSITION, subscriber.receive, message(UPDATE, 1, item("a", 1)), 0)
    subscriber, _ = subscribed()
    words = (put_number(EPOCH + 1), put_number(EPOCH)[:3], b"\xff\0\0\0", b"")
    for word in words:
        codes = (INVALID_STATE_TRANSITION, MALFORMED)
        raises(codes[word != words[0]], subscriber.receive, message(TAKEN, 1, word), 0)
    for body in (b"", b"\0\0"):
        raises(MALFORMED, subscriber.receive, message(CLOSED, 1, body), 0)
    raises(MALFORMED, subscriber.receive, message(UPDATE, 1), 0)


def taken(body, text: str = "#"):
    """All that is in an UPDATE; raises what its reader does."""
    subscriber, subscription = subscribed(text)
    subscriber.receive(message(UPDATE, 1, body), 0)
    found = []
    update = subscriber.take(subscription)
    while update is not None:
        found.append((update.topic, update.value, update.lost, update.event))
        update = subscriber.take(subscription)
    return found


def test_reject_items_that_are_none():
    two = item("a", 1, 5) + item("b", 2, "x", EVENT)
    assert taken(two) == [("a", 5, 0, False), ("b", "x", 0, True)]
    ends = (len(item("a", 1, 5)), len(two))
    for end in range(1, len(two)):
        if end not in ends:
            raises(MALFORMED, taken, two[:end])
    raises(MALFORMED, taken, two + b"\0")
    raises(MALFORMED, taken, item("a", 0))
    raises(MALFORMED, taken, item("a", 1, 5, 2))
    raises(MALFORMED, taken, bytes(put_item(item_head(0, b"a"), 1, b"\xff")))
    raises(MALFORMED, taken, bytes(put_item(item_head(0, b"a"), 1, b"\0\0")))
    raises(MALFORMED, taken, bytes(put_item(item_head(0, b"\xff"), 1, b"\0")))


def test_reject_topics_that_were_not_asked_for():
    for name in ("b", "a/b", "a+", "dsoftbus/offers"):
        raises(INVALID_NAME, taken, item(name, 1), "a")
    raises(INVALID_NAME, taken, item("dsoftbus/offers", 1), "#")
    raises(INVALID_NAME, taken, item("a\n", 1), "#")


def test_reject_sequences_that_go_backwards():
    raises(STALE_REPLY, taken, item("a", 2) + item("a", 1))
    raises(STALE_REPLY, taken, item("a", 2, 0, EVENT) + item("a", 2, 0, EVENT))
    assert len(taken(item("a", 2) + item("a", 2))) == 1  # a state that was seen


def test_messages_twice_out_of_order_and_cut():
    world = World()
    pair = world.session()
    pair.subscribe("#")
    pair.subscriber.close(pair.subscribe("a"))
    said = []
    out = pair.subscriber.message(ROOM)
    while out is not None:
        said.append(bytes(out))
        pair.subscriber.sent(out)
        out = pair.subscriber.message(ROOM)
    for first in said + [message(SUBSCRIBE, 3, b"a")]:
        for second in (first, first[:-1], first + b"\0", first[:4]):
            for publisher in (asked(), pair.publisher):
                for each in (first, second):
                    try:
                        publisher.receive(each, 0)
                    except PeerError as error:
                        codes = (STALE_REPLY, INVALID_STATE_TRANSITION, MALFORMED)
                        assert error.code in codes


def test_closing_takes_back_what_has_not_left():
    subscriber = Subscriber(SMALL)
    subscription = subscriber.subscribe("#", Seen(4))
    subscriber.close(subscription)
    assert subscriber.message(ROOM) is None
    subscriber, subscription = subscribed()
    subscriber.receive(message(UPDATE, 1, item("a", 1)), 0)
    subscriber.close(subscription)
    assert subscriber.take(subscription) is None
    subscriber.receive(message(UPDATE, 1, item("a", 2)), 0)  # it was on its way
    subscriber.receive(message(CLOSED, 1, b"\0"), 0)
    assert subscription.error is None and subscriber.stale == 0


def test_what_has_come_can_be_taken_after_the_end():
    subscriber, subscription = subscribed()
    subscriber.receive(message(UPDATE, 1, item("a", 1, 5)), 0)
    subscriber.end(0x51)
    assert subscriber.next_event() is subscription and subscription.state == OVER
    assert subscriber.take(subscription).value == 5 and subscriber.take(subscription) is None


def changed(draw, said: bytes) -> bytes:
    """`said` with some bytes changed, left out, or twice; `draw` gives random bytes."""
    out = bytearray(said)
    for kind, at, byte in zip(draw(3), draw(3), draw(3)):
        at %= len(out) + 1
        if kind % 4 == 0:
            out = out[:at] + bytes((byte,)) + out[at + 1 :]
        elif kind % 4 == 1:
            out = out[:at]
        elif kind % 4 == 2:
            out = out[:at] + out[at // 2 :]
    return bytes(out)


def test_messages_changed_at_random_bring_nothing_but_refusals():
    two = item("a", 1, [1, "x"]) + item("a/b", 2, b"x", EVENT)
    to_subscriber = (
        message(CLOSED, 1, b"\0"),
        message(TAKEN, 1, put_number(EPOCH)),
        message(UPDATE, 1, two),
        message(UPDATE | MORE, 1, two),
    )
    to_publisher = (
        message(SUBSCRIBE, 2, b"a"),
        message(UNSUBSCRIBE, 1),
        message(GRANT, 1, b"\1"),
        message(SUBSCRIBE | MORE, 3, b"a/"),
    )
    draw = Random(7)
    refused = 0
    for _ in range(100):
        subscriber, subscription = subscribed()
        publisher = asked()
        for i in draw(8):
            try:
                publisher.receive(changed(draw, to_publisher[i % 4]), 0)
                subscriber.receive(changed(draw, to_subscriber[i % 4]), 0)
                while subscriber.take(subscription) is not None:
                    pass
            except BusError as error:
                assert not isinstance(error, LocalError)
                refused += 1
            publisher.topics.publish("a", i)
            answers(publisher)
    assert refused > 100
