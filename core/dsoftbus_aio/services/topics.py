"""Publishing for programs (docs/services.md). Programs that publish nothing do not load this."""

from dsoftbus.service.filters import PREFIX
from dsoftbus.service.publisher import Publisher, TopicRules
from dsoftbus.service.topics import Topics
from dsoftbus_aio.services.service_line import ServiceLine

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus.mux.message_stream import MessageStream
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection


class Publishing:
    """The topics of a bus. Publications leave when asyncio's loop comes round: states that change
    faster show their last value, and events go together."""

    def __init__(self, bus: "BaseBus") -> None:
        self.topics = Topics(bus.node.profile, bus.node.local.random)
        self._bus = bus
        self._timer = bus.runtime.timer(self._flush)
        self._flushing = False
        self.topics.on_change = self._changed

    def publish(self, name: str, value: "Any") -> None:
        """See `BaseBus.publish`."""
        self.topics.publish(name, value)
        if self.topics.owing:
            self._leave()

    def declare(self, name: str, *described: "Any") -> None:
        """See `BaseBus.topic`."""
        self.topics.declare(name, *described)
        if self.topics.owing:
            self._leave()

    def publish_own(self, name: str, value: "Any") -> None:
        """A state of the bus's own: `name` is one that no program may have."""
        self.topics.put(self.topics.own(name), value)
        if self.topics.owing:
            self._leave()

    def serve(self, connection: "Connection", stream: "MessageStream") -> None:
        """The peer subscribes, over the stream that it has opened."""
        if self._bus.directory is None:
            self._begin_directory()
        PublishingLine(connection, stream, self.topics)
        stream.accept()
        connection.turn()

    def _begin_directory(self) -> None:
        """Its revision is a topic, where it is installed."""
        try:
            from dsoftbus_aio.services.directory import (
                Directory,  # only who has subscribers pays for it
            )
        except ImportError:
            return
        self._bus.directory = Directory(self._bus)
        self._bus.directory.change()

    def _leave(self) -> None:
        """At once, where events would be dropped otherwise."""
        if self.topics.pressed:
            self._flush()
        elif not self._flushing:
            self._flushing = True
            self._timer.at(0)

    def _flush(self) -> None:
        self._flushing = False
        for publisher in self.topics.owed():
            line = publisher.context
            try:
                line.turn()
            except Exception as error:  # noqa: BLE001 - a lack of memory: the others go on
                self._bus.report(error, line.connection.session)

    def _changed(self, name: str) -> None:
        if self._bus.on_name is not None:
            self._bus.on_name(PREFIX + name)
        if self._bus.directory is not None:
            self._bus.directory.change()


class PublishingLine(ServiceLine):
    """The subscriptions of one peer to the topics here."""

    def __init__(self, connection: "Connection", stream: "MessageStream", topics: Topics) -> None:
        self._rules = TopicRules(connection.session.mux.control)
        super().__init__(connection, stream, Publisher(topics, self._rules.allowed))
        self.machine.context = self

    def turn(self) -> None:
        """Asks the rules again, where they have changed, and then does what every line does."""
        if self._rules.have_changed():
            self.machine.recheck()
        super().turn()

    def _tell(self) -> None:
        """Programs hear nothing of who subscribes."""

    def _end(self, _code: int) -> None:
        self.machine.end()
