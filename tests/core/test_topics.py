"""Topics: states converge, what was lost is counted, and nobody makes the publisher keep more."""

from dsoftbus.const import SMALL, TINY, U30_MAX
from dsoftbus.errors import BAD_ARGUMENT, BAD_STATE, OVERSIZE
from dsoftbus.service import topic_status
from dsoftbus.service.filters import NAME_MAX
from dsoftbus.service.pieces import MORE
from dsoftbus.service.subscriber import OVER, Seen, Subscriber
from dsoftbus.service.topic_messages import CLOSED, CREDIT, SUBSCRIBE, UNSUBSCRIBE, UPDATE
from support import raises
from topic_world import ROOM, World, answers, asked, item, message, subscribed


def test_topics_of_the_bus_s_own_are_not_for_programs():
    topics = World().topics
    for name in ("dsoftbus", "dsoftbus/offers"):
        raises(BAD_ARGUMENT, topics.publish, name, 1)
        raises(BAD_ARGUMENT, topics.declare, name)
    topics.put(topics.own("dsoftbus/offers"), 1)
    raises(BAD_ARGUMENT, topics.publish, "dsoftbus/offers", 2)
    raises(BAD_ARGUMENT, topics.withdraw, "dsoftbus/offers")


def test_a_subscriber_has_the_last_state_at_once_and_then_each():
    world = World()
    world.publish("temp", 20, 21)
    pair = world.session()
    subscription = pair.subscribe("temp")
    assert pair.taken(subscription) == [("temp", 21, 0)]
    world.publish("temp", 22)
    assert pair.taken(subscription) == [("temp", 22, 0)]
    world.publish("other", 1)
    assert pair.taken(subscription) == []


def test_slow_subscriber_gets_latest_state():
    world = World()
    pair = world.session()
    subscription = pair.subscribe("#")
    for i in range(1000):
        world.publish("temp", i)
        pair.drive()
    seen = pair.taken(subscription)
    assert [value for _, value, _ in seen] == list(range(CREDIT)) + [999]
    assert seen[-1][2] == 999 - CREDIT


def test_events_keep_their_order():
    world = World()
    pair = world.session()
    world.topics.declare("door", True)
    world.publish("door", "before")
    subscription = pair.subscribe("#")
    world.publish("door", *range(SMALL.events))
    assert pair.taken(subscription) == [("door", i, 0) for i in range(SMALL.events)]


def test_lost_events_are_counted():
    for profile in (TINY, SMALL):
        world = World(profile)
        pair = world.session()
        world.topics.declare("door", True)
        subscription = pair.subscribe("door")
        world.publish("door", 0)
        assert pair.taken(subscription) == [("door", 0, 0)]
        world.publish("door", *range(1, 100))
        kept = range(100 - profile.events, 100)
        lost = [99 - profile.events] + [0] * (profile.events - 1)
        assert pair.taken(subscription) == [("door", i, n) for i, n in zip(kept, lost)]


def test_events_that_wait_are_bounded_in_bytes():
    world = World(SMALL)
    pair = world.session()
    world.topics.declare("log", True)
    subscription = pair.subscribe("log")
    world.publish("log", 0)
    pair.taken(subscription)
    big = bytes(SMALL.value_bytes // 2)
    world.publish("log", *[big] * 5)
    assert pair.taken(subscription) == [("log", big, 4)]


def test_what_waits_goes_in_one_message():
    world = World()
    pair = world.session()
    subscription = pair.subscribe("#")
    for i in range(4):
        world.publish("t%d" % i, i)
    out = pair.publisher.message(ROOM)
    assert len(out) == 5 + 4 * len(item("t0", 1, 0))
    assert pair.taken(subscription) == [("t%d" % i, i, 0) for i in range(4)]


def test_a_long_value_goes_in_pieces():
    world = World()
    pair = world.session()
    subscription = pair.subscribe("#")
    big = bytes(SMALL.value_bytes - 3)
    world.publish("a", 1)
    world.publish("big", big)
    world.publish("b", 2)
    assert pair.taken(subscription) == [("a", 1, 0), ("big", big, 0), ("b", 2, 0)]


def test_states_and_events_take_turns():
    world = World()
    pair = world.session()
    world.topics.declare("door", True)
    subscription = pair.subscribe("#")
    world.publish("door", *range(4))
    for i in range(4):
        world.publish("t%d" % i, i)
    names = [name for name, _, _ in pair.taken(subscription)]
    assert sorted(names[:4]) == ["door", "door", "t0", "t1"]


def test_two_subscriptions_of_one_session():
    world = World()
    pair = world.session()
    one, all_ = pair.subscribe("a"), pair.subscribe("#")
    world.publish("a", 1)
    world.publish("b", 2)
    assert pair.taken(one) == [("a", 1, 0)]
    assert pair.taken(all_) == [("a", 1, 0), ("b", 2, 0)]


def test_who_never_reads_keeps_nobody_from_reading():
    world = World()
    deaf, other = world.session(), world.session()
    world.topics.declare("door", True)
    deaf.subscribe("#")
    subscription = other.subscribe("#")
    for i in range(100):
        world.publish("door", i)
        world.publish("temp", i)
        assert sorted(other.taken(subscription)) == [("door", i, 0), ("temp", i, 0)]
        deaf.publisher.message(ROOM)


def test_what_cannot_be_published_is_the_program_s_fault():
    world = World(TINY)
    raises(BAD_ARGUMENT, world.publish, "a+", 1)
    raises(BAD_ARGUMENT, world.publish, "a", object())
    raises(OVERSIZE, world.publish, "a", bytes(TINY.value_bytes))
    for i in range(TINY.topics):
        world.publish("t%d" % i, i)
    raises("topic.too_many", world.publish, "one more", 1)
    raises(BAD_STATE, world.topics.declare, "t0", True)
    assert world.topics.withdraw("t0") and not world.topics.withdraw("t0")
    world.topics.declare("t0", True, "a door", "", "open or shut")


# Sessions


def test_subscription_survives_reconnect_and_tells_the_gap():
    world = World()
    world.topics.declare("door", True)
    seen = Seen(SMALL.topics)
    pair = world.session()
    subscription = pair.subscribe("#", seen)
    world.publish("door", "a")
    world.publish("temp", 1)
    assert len(pair.taken(subscription)) == 2
    pair.cut()
    assert subscription.state == OVER and pair.taken(subscription) == []
    world.publish("door", "b", "c")
    world.publish("temp", 2, 3)
    pair = world.session()
    subscription = pair.subscribe("#", seen)
    assert pair.taken(subscription) == [("temp", 3, 1)]
    world.publish("door", "d")
    assert pair.taken(subscription) == [("door", "d", 2)]
    pair.cut()
    pair = world.session()
    assert pair.taken(pair.subscribe("#", seen)) == []  # nothing that was not seen


def test_another_start_of_the_publisher_is_told():
    seen = Seen(SMALL.topics)
    for seed in (1, 2):
        world = World(seed=seed)
        pair = world.session()
        subscription = pair.subscribe("#", seen)
        world.publish("temp", 1)
        assert pair.taken(subscription) == [("temp", 1, None if seed == 2 else 0)]
        world.publish("temp", 2)
        assert pair.taken(subscription) == [("temp", 2, 0)]


def test_sequences_end_and_another_epoch_begins():
    world = World()
    world.topics.declare("door", True)
    pair = world.session()
    subscription = pair.subscribe("#")
    for name in ("door", "temp"):
        world.publish(name, 0)
    pair.taken(subscription)
    before = world.topics.epoch
    for topic in world.topics.all():
        topic.sequence = U30_MAX - 1
    world.publish("door", 1)
    assert pair.taken(subscription) == [("door", 1, U30_MAX - 2)]
    world.publish("door", 2)
    world.publish("temp", 3)
    assert sorted(pair.taken(subscription)) == [("door", 2, None), ("temp", 3, None)]
    world.publish("door", 4)
    assert pair.taken(subscription) == [("door", 4, 0)]
    assert world.topics.epoch != before


def test_a_topic_that_was_withdrawn_goes_on_counting():
    world = World(TINY)
    pair = world.session()
    subscription = pair.subscribe("#")
    world.publish("a", 1)
    assert pair.taken(subscription) == [("a", 1, 0)]
    world.publish("a", 2)
    world.topics.withdraw("a")
    assert pair.taken(subscription) == []
    world.publish("a", 3)
    assert pair.taken(subscription) == [("a", 3, 1)]
    epoch = world.topics.epoch
    for i in range(TINY.topics + 1):  # more than it remembers
        world.publish("t%d" % i, i)
        world.topics.withdraw("t%d" % i)
    assert world.topics.epoch != epoch
    world.publish("a", 4)
    assert pair.taken(subscription) == [("a", 4, None)]


# Access


def test_reject_topic_outside_acl():
    world = World(denied=["door", "door/bell"])
    pair = world.session()
    for name in ("door", "door/bell"):  # whether it is there or not
        subscription = pair.subscribe(name)
        assert subscription.error.code == topic_status.DENIED
        assert subscription.error.label == "topic.denied"
    assert world.asked == [("door", True), ("door/bell", True)]
    world.publish("door", 1)
    wide = pair.subscribe("#")
    world.publish("door/bell", 2)
    world.publish("temp", 3)
    assert pair.taken(wide) == [("temp", 3, 0)]
    assert ("door", True) not in world.asked[2:]


def test_rules_that_change_hold_at_once():
    world = World()
    pair = world.session()
    door, wide = pair.subscribe("door"), pair.subscribe("#")
    world.publish("door", 1)
    world.publish("temp", 2)
    world.denied.append("door")
    pair.publisher.message(ROOM)  # made, and not sent
    pair.publisher.recheck()
    assert pair.taken(door) == [] and door.error.code == topic_status.DENIED
    assert pair.taken(wide) == [("temp", 2, 0)]
    world.publish("door", 3)
    assert pair.taken(wide) == []
    world.denied.clear()
    pair.publisher.recheck()
    assert pair.taken(wide) == [("door", 3, 0)]


def test_an_update_that_has_not_left_is_made_anew():
    world = World()
    pair = world.session()
    wide = pair.subscribe("#")
    world.publish("door", 1)
    world.publish("temp", 2)
    assert b"door" in pair.publisher.message(ROOM)  # made, and not sent
    world.denied.append("door")
    pair.publisher.recheck()
    assert pair.taken(wide) == [("temp", 2, 0)]
    for i in range(2 * CREDIT):
        world.publish("temp", i)
        pair.drive()
    # None of it was lost; the first update has been taken, and is granted with the next ones.
    assert wide.credit == 0 and len(wide.bodies) == CREDIT - 1


def test_events_that_wait_are_not_sent_once_they_are_denied():
    world = World()
    pair = world.session()
    world.topics.declare("door", True)
    world.topics.declare("bell", True)
    wide = pair.subscribe("#")
    for i in range(3):
        world.publish("door", i)
        world.publish("bell", i)
    world.denied.append("door")
    pair.publisher.recheck()
    assert pair.taken(wide) == [("bell", i, 0) for i in range(3)]


def test_the_bus_s_own_topics_are_for_everyone():
    world = World(denied=["dsoftbus/offers"])
    world.topics.put(world.topics.own("dsoftbus/offers"), 7)
    pair = world.session()
    assert pair.taken(pair.subscribe("dsoftbus/offers")) == [("dsoftbus/offers", 7, 0)]


# Limits


def test_one_subscription_too_many():
    world = World(TINY)
    pair = world.session()
    first = [pair.subscribe("#") for _ in range(TINY.subscriptions)]
    raises("topic.busy", pair.subscribe, "#")
    pair.subscriber.close(first[0])
    raises("topic.busy", pair.subscribe, "#")  # until the publisher has heard of it
    pair.drive()
    assert pair.taken(pair.subscribe("#")) == []
    publisher = asked(number=1, profile=TINY)
    for number in range(2, TINY.subscriptions + 2):
        publisher.receive(message(SUBSCRIBE, number, b"#"), 0)
    assert answers(publisher)[-1] == message(CLOSED, number, bytes((topic_status.BUSY,)))


def test_ten_thousand_subscriptions():
    """A peer that reads no answer is not read any more."""
    publisher = asked()
    number = 1
    while publisher.room:
        number += 1
        publisher.receive(message(SUBSCRIBE, number, b"#"), 0)
    assert number <= SMALL.subscriptions + 2
    answers(publisher)
    for number in range(SMALL.subscriptions + 3, 10000):
        publisher.receive(message(SUBSCRIBE, number, b"#"), 0)
        publisher.receive(message(UNSUBSCRIBE, number - 5), 0)
        answers(publisher)
    assert len(publisher._feeds) <= SMALL.subscriptions
    assert len(publisher.topics.all()) == 0


def test_a_filter_that_is_none():
    for body in (b"", b"a+", b"\xff", b"#/a", b"x" * (NAME_MAX + 1), b"x" * 10000, b"a\0"):
        publisher = asked(body=body)
        assert answers(publisher) == [message(CLOSED, 1, bytes((topic_status.BAD_FILTER,)))]
    for text in ("", "a+", "#/a", "a\n", None):
        raises("topic.bad_filter", Subscriber(SMALL).subscribe, text, Seen(1))


def test_more_topics_than_the_subscriber_counts():
    pair = World(SMALL).session()
    subscription = pair.subscribe("#", Seen(3))
    for i in range(4):
        pair.world.publish("t%d" % i, i)
    pair.drive()
    for _ in range(3):
        pair.subscriber.take(subscription)
    raises("topic.too_many", pair.subscriber.take, subscription)
    pair.drive()
    assert subscription.state == OVER and not pair.publisher._feeds


def test_a_value_over_the_subscriber_s_limit():
    subscriber, subscription = subscribed(profile=TINY)
    body = item("a", 1, bytes(TINY.value_bytes + 100))
    for at in range(0, len(body), 80):
        kind = UPDATE if at + 80 >= len(body) else UPDATE | MORE
        subscriber.receive(message(kind, 1, body[at : at + 80]), 0)
    assert subscription.error.label == "topic.too_large"
    assert subscriber.message(ROOM) == message(UNSUBSCRIBE, 1)
    subscriber, subscription = subscribed(profile=TINY)
    subscriber.receive(message(UPDATE, 1, item("a", 1, [[]] * 100)), 0)
    raises("topic.too_large", subscriber.take, subscription)
