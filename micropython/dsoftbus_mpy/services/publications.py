"""Topics that a program on a bare loop publishes (docs/services.md)."""

# Public

from dsoftbus.const import TOPICS_STREAM
from dsoftbus.service.publisher import Publisher, TopicRules
from dsoftbus.service.topics import Topics
from dsoftbus_mpy.services.service_line import Service, ServiceLine


class Publications(Service):
    """`node` is the loop's. The program's `on_event` hands each event to this one's first."""

    def __init__(self, node):
        super().__init__(TOPICS_STREAM)
        self.topics = Topics(node.profile, node.local.random)
        self.declare = self.topics.declare
        self.withdraw = self.topics.withdraw

    def publish(self, name: str, value) -> None:
        """Publishes a value, which leaves with the loop's next turn: see `Bus.publish`."""
        self.topics.publish(name, value)
        for publisher in self.topics.owed():
            publisher.context.send()

    def _line(self, session, stream) -> ServiceLine:
        line = _Line(session, stream, self.topics)
        line.machine.context = line
        return line


class _Line(ServiceLine):
    def __init__(self, session, stream, topics):
        self._rules = TopicRules(session.mux.control)
        super().__init__(session, stream, Publisher(topics, self._rules.allowed))

    def send(self) -> None:
        """Asks the rules again, where they have changed."""
        if self._rules.have_changed():
            self.machine.recheck()
        super().send()
