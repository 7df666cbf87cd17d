"""Calls between two sides in any order: each ends once, with the truth, and memory is bounded."""

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from dsoftbus.const import TINY
from dsoftbus.service import caller, status
from dsoftbus.service.callee import RUNNING, Callee
from dsoftbus.service.caller import Caller


class Limits(TINY):
    calls = 3
    value_bytes = 200


class Calls(RuleBasedStateMachine):
    """Each caller is told what its handler has seen and said."""

    calls = Bundle("calls")

    def __init__(self):
        super().__init__()
        self.now = 0
        self.cut = False
        self.ways = {"out": [], "back": []}
        self.open = []  # calls that have not ended
        self.values = {}  # by id: what was asked
        self.requests = {}  # by id, as the callee's program has them
        self.replies = {}  # by id: what was answered
        self.caller = Caller(Limits)
        self.callee = Callee(Limits, lambda name: 0 if name == "known" else status.NO_METHOD)

    @rule(
        target=calls,
        size=st.integers(0, 190),
        name=st.sampled_from(["known", "other"]),
        timeout_ms=st.sampled_from([0, 0, 5, 50]),
    )
    def call(self, size, name, timeout_ms):
        under_way = len(self.caller._calls)
        try:
            made = self.caller.call(name, bytes(size), self.now, timeout_ms)
        except status.CallError as error:
            assert error.code == status.BUSY and under_way == Limits.calls
            return None
        self.values[made.number] = bytes(size)
        self.open.append(made)
        return made

    @rule(call=calls)
    def cancel(self, call):
        if call is not None:
            self.caller.cancel(call)

    @rule(most=st.integers(75, 120))
    def send(self, most):
        for machine, way in ((self.caller, "out"), (self.callee, "back")):
            message = machine.message(most)
            if message is not None and not self.cut:
                machine.sent(message)
                self.ways[way].append(bytes(message))

    @rule()
    def deliver(self):
        if self.ways["out"] and self.callee.room:
            self.callee.receive(self.ways["out"].pop(0), self.now)
        if self.ways["back"]:
            self.caller.receive(self.ways["back"].pop(0), self.now)
        self.look()

    @rule(which=st.integers(0, 2), fault=st.sampled_from([0, 0, status.ERROR]))
    def reply(self, which, fault):
        running = [r for r in self.requests.values() if r.number not in self.replies]
        if which < len(running):
            request = running[which]
            self.replies[request.number] = fault
            value = [request.number, "own"] if fault else request.value
            self.callee.reply(request, value, fault)

    @rule(which=st.integers(0, 2))
    def part(self, which):
        running = [r for r in self.requests.values() if r.number not in self.replies]
        if which < len(running):
            self.callee.part(running[which], running[which].number)

    @rule(call=calls)
    def take(self, call):
        if call is not None and call.parts:
            assert self.caller.take(call) == call.number

    @rule(ms=st.integers(1, 30))
    def pass_time(self, ms):
        self.now += ms
        self.caller.handle_timer(self.now)
        self.callee.handle_timer(self.now)
        self.look()

    @precondition(lambda self: not self.cut)
    @rule()
    def end(self):
        self.cut = True
        self.ways = {"out": [], "back": []}
        self.caller.end()
        self.callee.end()
        self.look()
        assert not self.open

    def look(self):
        while (request := self.callee.next_event()) is not None:
            if request.number not in self.requests and request.state == RUNNING:
                assert request.value == self.values[request.number]
                self.requests[request.number] = request
        while (call := self.caller.next_event()) is not None:
            if call.state != caller.WAITING and call in self.open:
                self.open.remove(call)
                self.judge(call)

    def judge(self, call):
        """The caller was told the truth."""
        code = call.error.code if call.error else 0
        if not code:
            assert self.replies[call.number] == 0 and call.value == self.values[call.number]
        elif code == status.ERROR:
            assert self.replies[call.number] == status.ERROR
        elif code in (status.NO_METHOD, status.BUSY, status.NOT_MADE):
            assert call.number not in self.requests

    @invariant()
    def memory_is_bounded(self):
        assert len(self.caller._calls) <= Limits.calls
        assert len(self.callee._calls) <= Limits.calls
        assert len(self.callee._outbox) <= 2 * Limits.calls + 4 + 4 * Limits.calls
        assert self.callee._outbox.bytes <= Limits.value_bytes * (1 + Limits.calls) + 200
        assert self.caller.stale == 0


TestCalls = Calls.TestCase
