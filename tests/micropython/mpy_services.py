"""Services in a bare loop: two sessions in one process, whose events a program hands on."""

from dsoftbus.const import (
    CALLS_STREAM,
    EV_OPENED,
    KIND_MESSAGES,
    SMALL,
    TOPICS_STREAM,
)
from dsoftbus.errors import (
    BAD_ARGUMENT,
    INVALID_STATE_TRANSITION,
    NO_SUCH_SERVICE,
    OUTSIDE_ACL,
    STREAM_KIND_MISMATCH,
    STREAM_LIMIT,
)
from dsoftbus.service import status, topic_status
from dsoftbus.service.caller import WAITING, Caller
from dsoftbus.service.subscriber import OVER, Seen, Subscriber
from dsoftbus_mpy import Answers, CallError, Publications
from dsoftbus_mpy.services.service_line import ServiceLine
from pairs import Sessions, all_events
from support import raises


class Rules:
    """Stands for a session's guard: `denied` are names that it does not allow."""

    def __init__(self, *denied):
        self.denied = list(denied)
        self.revision = 0
        self.asked = []

    def gate(self, outgoing, name):
        self.asked.append(name)
        return 0 if self.allows(outgoing, name) else OUTSIDE_ACL

    def allows(self, _outgoing, name):
        return name not in self.denied

    def on_event(self, _event):
        return False

    def serves(self, _name):
        return True

    def poll_timer(self):
        return None


class World(Sessions):
    """`b` is the node with a bare loop, and `a` the one that asks."""

    def __init__(self, profile=SMALL, rules=None):
        super().__init__(profile)
        self.established()
        self.errors = []
        self.others = []  # events of b that were of no service
        self.answers = Answers()
        self.answers.on_error = self.errors.append
        self.topics = Publications(self.node_b)
        self.rules = rules

    def asking(self, name, machine, kind=KIND_MESSAGES):
        return ServiceLine(self.a, self.a.open(name, 2, kind), machine)

    def caller(self):
        self.calls = self.asking(CALLS_STREAM, Caller(SMALL))
        return self.calls

    def subscriber(self):
        self.reading = self.asking(TOPICS_STREAM, Subscriber(SMALL))
        return self.reading

    def call(self, name, value=None):
        call = self.calls.machine.call(name, value, 0)
        self.calls.turn()
        self.run()
        assert call.state != WAITING
        return call

    def run(self):
        for _ in range(50):
            self.drive()
            for event in all_events(self.b):
                self.on_event(event)
            for event in all_events(self.a):
                if event.stream is not None and event.stream.context is not None:
                    event.stream.context.turn()
        self.drive()

    def on_event(self, event):
        if self.rules is not None:
            self.b.mux.control = self.rules
        if not (self.answers.on_event(self.b, event) or self.topics.on_event(self.b, event)):
            self.others.append(event)
        self.b.mux.control = None


def answering(rules=None):
    world = World(rules=rules)
    world.answers.call("double")(lambda _session, value: value * 2)
    world.answers.call("who")(lambda session, _value: session.peer_name)
    world.caller()
    return world


def test_the_bus_s_own_names_are_not_for_programs():
    raises(BAD_ARGUMENT, Answers().call, "dsoftbus/time")


def test_calls_are_answered():
    world = answering()
    assert world.call("double", 21).value == 42
    assert world.call("who").value == "alice"
    big = bytes(SMALL.value_bytes // 2 - 3)  # in several pieces each way
    assert world.call("double", big).value == big * 2
    calls = [world.calls.machine.call("double", i, 0) for i in range(SMALL.calls)]
    world.calls.turn()
    world.run()
    assert [call.value for call in calls] == [0, 2, 4, 6] and not world.others


def test_errors_of_a_handler():
    world = answering()

    @world.answers.call("own")
    def own(_session, value):
        raise CallError(value, "of its own")

    @world.answers.call("fails")
    def fails(_session, value):
        raise ValueError(value)

    world.answers.call("nothing that can be said")(lambda _session, _value: object())
    error = world.call("own", 7).error
    assert (error.code, error.number, error.detail) == (status.ERROR, 7, "of its own")
    for name in ("fails", "nothing that can be said"):
        assert world.call(name).error.code == status.FAILED
    assert world.call("other").error.code == status.NO_METHOD
    assert [type(error) for error in world.errors] == [ValueError]
    assert world.call("double", 1).value == 2


def test_a_call_outside_the_rules_is_denied():
    world = answering(Rules("call/double", "call/nothing"))
    assert world.call("double", 1).error.code == status.DENIED
    assert world.call("nothing").error.code == status.DENIED
    assert world.call("who").value == "alice"


def test_topics_are_published():
    world = World()
    world.topics.declare("door", True)
    world.topics.publish("temperature", 20.5)
    line = world.subscriber()
    every = line.machine.subscribe("#", Seen(8))
    line.turn()
    world.run()
    world.topics.publish("temperature", 21.5)
    world.topics.publish("door", "open")
    world.topics.publish("door", "shut")
    world.run()
    found = [(update.topic, update.value) for update in taken(line, every)]
    assert found[0] == ("temperature", 20.5) and ("temperature", 21.5) in found
    assert [value for name, value in found if name == "door"] == ["open", "shut"]


def taken(line, subscription):
    found = []
    update = line.machine.take(subscription)
    while update is not None:
        found.append(update)
        update = line.machine.take(subscription)
    line.turn()
    return found


def test_a_slow_subscriber_gets_the_latest_state():
    world = World()
    line = world.subscriber()
    state = line.machine.subscribe("state", Seen(8))
    line.turn()
    world.run()
    for i in range(100):
        world.topics.publish("state", i)
        world.run()
    first = taken(line, state)
    world.run()
    assert taken(line, state)[-1].value == 99 and len(first) < 100


def test_topics_outside_the_rules():
    rules = Rules("topic/secret")
    world = World(rules=rules)
    world.topics.publish("secret", 1)
    world.topics.publish("open", 2)
    line = world.subscriber()
    alone = line.machine.subscribe("secret", Seen(8))
    every = line.machine.subscribe("#", Seen(8))
    line.turn()
    world.run()
    assert [update.topic for update in taken(line, every)] == ["open"]
    assert (alone.state, alone.error.code) == (OVER, topic_status.DENIED)


def test_rules_that_change_are_heeded_before_the_next_update():
    rules = Rules()
    world = World(rules=rules)
    line = world.subscriber()
    every = line.machine.subscribe("#", Seen(8))
    line.turn()
    world.run()
    rules.denied.append("topic/a")
    rules.revision = 1
    world.topics.publish("a", 1)
    world.topics.publish("b", 2)
    world.run()
    assert [update.topic for update in taken(line, every)] == ["b"]


def test_one_stream_of_a_service_in_a_session_and_it_has_messages():
    world = answering()
    for name in (CALLS_STREAM, TOPICS_STREAM):
        bytes_alone = world.a.open(name, 2)
        world.asking(name, Caller(SMALL))
        again = world.asking(name, Caller(SMALL))
        world.run()
        assert bytes_alone.code == STREAM_KIND_MISMATCH
        assert again.stream.code == STREAM_LIMIT
    assert not world.others


def test_what_is_no_message_ends_the_stream_alone():
    world = answering()
    world.run()
    world.calls.stream.send_message(b"\x07\0\0\0\1")
    world.run()
    assert world.calls.stream.code == INVALID_STATE_TRANSITION
    world.caller()
    assert world.call("double", 4).value == 8


def test_the_end_of_a_session_ends_its_lines():
    world = answering()
    world.subscriber().machine.subscribe("#", Seen(8))
    world.reading.turn()
    world.run()
    world.b.link_lost()
    for event in all_events(world.b):
        world.on_event(event)
    assert not world.answers._lines and not world.topics._lines
    assert not world.topics.topics.publishers
    world.topics.publish("nobody", 1)


def test_other_streams_are_the_program_s():
    world = World()
    other = world.a.open("echo")
    world.run()
    assert [event.kind for event in world.others] == [EV_OPENED]
    world.others[0].stream.reset(NO_SUCH_SERVICE)
    world.run()
    assert other.code == NO_SUCH_SERVICE
