"""Topics of one node, and those who subscribe, without a bus."""

from dsoftbus.const import SMALL
from dsoftbus.service.publisher import Publisher
from dsoftbus.service.subscriber import Seen, Subscriber
from dsoftbus.service.topic_messages import SUBSCRIBE, TAKEN, item_head, put_item, put_number
from dsoftbus.service.topics import Topics
from dsoftbus.service.values import encode
from support import Random

ROOM = 100  # bytes of a message
EPOCH = 5


def message(kind: int, number: int, body=b"") -> bytes:
    return bytes((kind,)) + number.to_bytes(4, "big") + bytes(body)


def item(name: str, sequence: int, value=None, flags: int = 0) -> bytes:
    return bytes(put_item(item_head(flags, name.encode()), sequence, encode(value, 4096)))


class World:
    """A publisher and those who subscribe, each in a session of its own."""

    def __init__(self, profile=SMALL, denied=(), seed=1):
        self.profile = profile
        self.denied = list(denied)
        self.asked = []
        self.topics = Topics(profile, Random(seed))

    def allowed(self, name: str, asked: bool) -> bool:
        self.asked.append((name, asked))
        return name not in self.denied

    def session(self) -> "Pair":
        return Pair(self)

    def publish(self, name: str, *values) -> None:
        for value in values:
            self.topics.publish(name, value)


class Pair:
    """A session: a subscriber, and its publisher."""

    def __init__(self, world: World):
        self.world = world
        self.subscriber = Subscriber(world.profile)
        self.publisher = Publisher(world.topics, world.allowed)

    def subscribe(self, text: str, seen=None):
        made = self.subscriber.subscribe(text, seen or Seen(self.world.profile.topics))
        self.drive()
        return made

    def carry(self, source, target, most: int = ROOM) -> int:
        moved = 0
        while target.room:
            out = source.message(most)
            if out is None:
                break
            source.sent(out)
            target.receive(out, 0)
            moved += 1
        return moved

    def drive(self) -> None:
        while self.carry(self.subscriber, self.publisher) + self.carry(
            self.publisher, self.subscriber
        ):
            pass

    def taken(self, subscription) -> list:
        """All updates, as (topic, value, lost)."""
        found = []
        self.drive()
        update = self.subscriber.take(subscription)
        while update is not None:
            found.append((update.topic, update.value, update.lost))
            self.drive()
            update = self.subscriber.take(subscription)
        return found

    def cut(self) -> None:
        self.publisher.end()
        self.subscriber.end(0x51)


def asked(kind: int = SUBSCRIBE, number: int = 1, body=b"#", **options):
    """A publisher that has got one message, and the world around it."""
    world = World(**options)
    publisher = Publisher(world.topics, world.allowed)
    publisher.receive(message(kind, number, body), 0)
    return publisher


def answers(publisher) -> list:
    found = []
    out = publisher.message(ROOM)
    while out is not None:
        found.append(bytes(out))
        publisher.sent(out)
        out = publisher.message(ROOM)
    return found


def subscribed(text: str = "#", profile=SMALL):
    """A subscriber with one subscription that was taken."""
    subscriber = Subscriber(profile)
    made = subscriber.subscribe(text, Seen(profile.topics))
    subscriber.sent(subscriber.message(ROOM))
    subscriber.receive(message(TAKEN, 1, put_number(EPOCH)), 0)
    return subscriber, made
