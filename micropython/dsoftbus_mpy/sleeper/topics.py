"""Topics of a sleeper: they are counted over its sleeps."""

from dsoftbus.errors import BusError
from dsoftbus.service.topic_messages import put_item
from dsoftbus.service.topics import Item

_VALUE_MOST = 256  # bytes; a larger one is not kept, and its topic counts on without a value


def restore(bus, epoch: int, topics: list) -> None:
    """Publishes what was published before the sleep, as the same publications."""
    known = bus.begin_publishing().topics
    known.epoch = epoch
    for name, event, sequence, value in topics:
        try:
            topic = known.declare(name, event)
        except BusError:
            continue  # the profile has fewer now
        topic.sequence = sequence
        if value:
            topic.item = Item(topic, put_item(topic.head, sequence, value))


def taken(bus) -> list:
    """(name, event, sequence, value) of each topic of the program."""
    found = []
    for topic in bus.publishing.topics.all():
        if not topic.own:
            found.append((topic.name, topic.event, topic.sequence, _value(topic)))
    return found


def _value(topic) -> bytes:
    """The value in CBOR, or nothing: of events, and where there is none or it is long."""
    if topic.item is None:
        return b""
    data = topic.item.data
    at = len(topic.head)
    return bytes(data[at:]) if len(data) - at <= _VALUE_MOST else b""
