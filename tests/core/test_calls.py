"""Calls: each ends once, with the truth, whatever the other side sends or leaves out."""

from dsoftbus.const import SMALL, TINY, U30_MAX
from dsoftbus.errors import (
    BAD_ARGUMENT,
    INVALID_STATE_TRANSITION,
    MALFORMED,
    OVERSIZE,
    STALE_REPLY,
    WINDOW_CREDIT,
)
from dsoftbus.service import caller, status
from dsoftbus.service.call_messages import (
    CALL,
    CANCEL,
    GRANT,
    NAME_MAX,
    PART,
    PARTS,
    REPLY,
    put_call,
)
from dsoftbus.service.callee import CANCELLED, Callee
from dsoftbus.service.caller import Caller
from dsoftbus.service.pieces import MORE
from dsoftbus.service.values import encode
from support import raises

ROOM = 100  # bytes of a message


def message(kind: int, number: int, body=b"") -> bytes:
    return bytes((kind,)) + number.to_bytes(4, "big") + bytes(body)


def call_message(number: int, name: str = "echo", value=None, timeout_ms: int = 0) -> bytes:
    return message(CALL, number, put_call(name, timeout_ms, encode(value, 4096)))


def reply_message(number: int, value=None, code: int = status.OK) -> bytes:
    return message(REPLY, number, bytes((code,)) + encode(value, 4096))


class Pair:
    """A caller and a callee, and what is on its way between them."""

    def __init__(self, profile=SMALL, names=("echo",), denied=()):
        self.profile = profile
        self.caller = Caller(profile)
        self.callee = Callee(profile, self.refusal)
        self.names = names
        self.denied = denied
        self.asked = []
        self.requests = []
        self.now = 0

    def refusal(self, name: str) -> int:
        self.asked.append(name)
        if name in self.denied:
            return status.DENIED
        return 0 if name in self.names else status.NO_METHOD

    def call(self, value=None, name: str = "echo", timeout_ms: int = 0):
        return self.caller.call(name, value, self.now, timeout_ms)

    def carry(self, source, target) -> int:
        moved = 0
        while getattr(target, "room", True):
            out = source.message(ROOM)
            if out is None:
                break
            source.sent(out)
            target.receive(out, self.now)
            moved += 1
        return moved

    def drive(self) -> None:
        while self.carry(self.caller, self.callee) + self.carry(self.callee, self.caller):
            pass
        request = self.callee.next_event()
        while request is not None:
            if request not in self.requests:
                self.requests.append(request)
            request = self.callee.next_event()

    def answered(self, value):
        """The value, echoed."""
        call = self.call(value)
        self.drive()
        request = self.requests.pop()
        self.callee.reply(request, request.value)
        self.drive()
        return call


def code_of(call) -> int:
    assert call.state != caller.WAITING
    return call.error.code if call.error else 0


def test_a_call_and_its_answer():
    pair = Pair()
    call = pair.answered({"on": [True, b"\1", 2.5, None]})
    assert call.state == caller.DONE and call.value == {"on": [True, b"\1", 2.5, None]}
    assert pair.caller.next_event() is call and pair.caller.next_event() is None


def test_a_value_of_many_messages():
    pair = Pair()
    for size in (0, 85, 86, 87, 1000, SMALL.value_bytes - 3):
        assert pair.answered(bytes(size)).value == bytes(size)


def test_calls_end_in_any_order():
    pair = Pair()
    calls = [pair.call(i) for i in range(SMALL.calls)]
    pair.drive()
    for request in reversed(pair.requests):
        pair.callee.reply(request, request.value * 2)
    pair.drive()
    assert [call.value for call in calls] == [i * 2 for i in range(SMALL.calls)]


def test_reject_unknown_method():
    pair = Pair()
    call = pair.call(name="other")
    pair.drive()
    assert code_of(call) == status.NO_METHOD and not pair.requests


def test_reject_call_outside_acl():
    pair = Pair(denied=("door",))
    # No CBOR: it would be refused as such, if anybody looked.
    pair.callee.receive(message(CALL | MORE, 1, put_call("door", 0, b"\xff")), 0)
    assert pair.asked == ["door"]
    for _ in range(100):  # far more than fits
        pair.callee.receive(message(CALL | MORE, 1, bytes(ROOM)), 0)
    pair.callee.receive(message(CALL, 1, b"\xff"), 0)
    assert pair.callee.message(ROOM) == reply_message(1, None, status.DENIED)
    assert pair.callee.next_event() is None


def test_reject_stale_or_repeated_reply():
    pair = Pair()
    first = pair.answered(1)
    for number in (1, 7, U30_MAX):
        pair.caller.receive(reply_message(number, 2), 0)
        pair.caller.receive(message(PART, number, encode(2, 9)), 0)
    assert first.value == 1 and pair.caller.stale == 6
    second = pair.call(3)
    pair.caller.receive(reply_message(1, "forged"), 0)
    assert second.state == caller.WAITING
    assert pair.answered(4).value == 4


def test_reject_an_id_twice():
    for number in (1, 2):
        pair = Pair()
        pair.callee.receive(call_message(2), 0)
        raises(STALE_REPLY, pair.callee.receive, call_message(number), 0)


def test_reject_calls_in_flight_exceeded():
    pair = Pair(TINY)
    first = pair.call()
    raises("call.busy", pair.call)
    pair.drive()
    pair.callee.reply(pair.requests.pop(), "done")
    pair.drive()
    assert first.value == "done"
    assert pair.answered("again").value == "again"


def test_reject_one_more_call_of_a_caller_that_counts_otherwise():
    pair = Pair(TINY)
    pair.callee.receive(call_message(1), 0)
    pair.callee.receive(call_message(2), 0)
    assert pair.callee.message(ROOM) == reply_message(2, None, status.BUSY)
    assert pair.callee.next_event().number == 1 and pair.callee.next_event() is None


def test_a_reply_that_has_not_left_holds_its_place():
    pair = Pair(TINY)
    pair.callee.receive(call_message(1), 0)
    pair.callee.reply(pair.callee.next_event(), 1)
    pair.callee.receive(call_message(2), 0)
    assert pair.callee.next_event() is None


def test_who_does_not_read_replies_is_not_read():
    pair = Pair(TINY)
    number = 0
    while pair.callee.room:
        number += 1
        pair.callee.receive(call_message(number, "other"), 0)
    assert number < 10
    pair.callee.sent(pair.callee.message(ROOM))
    assert pair.callee.room


def test_calls_fail_at_once_when_the_session_ends():
    pair = Pair()
    made = pair.call()
    pair.drive()
    unmade = pair.call(bytes(2000))
    pair.caller.sent(pair.caller.message(ROOM))  # and not the rest
    pair.caller.end()
    pair.callee.end()
    assert code_of(made) == status.UNKNOWN
    assert code_of(unmade) == status.NOT_MADE
    told = [pair.caller.next_event() for _ in range(3)]
    assert made in told and unmade in told and told[2] is None
    assert pair.callee.next_event().state == CANCELLED


def test_cancelling_reaches_the_handler_and_its_place_is_free_again():
    pair = Pair(TINY)
    call = pair.call()
    pair.drive()
    pair.caller.cancel(call)
    assert code_of(call) == status.CANCELLED
    raises("call.busy", pair.call)  # as it is there
    pair.drive()
    assert pair.requests[0].state == CANCELLED
    pair.callee.reply(pair.requests[0], "too late")
    pair.drive()
    assert code_of(call) == status.CANCELLED and pair.caller.stale == 0
    pair.requests.clear()
    assert pair.answered(1).value == 1


def test_a_call_that_has_not_left_is_taken_back():
    pair = Pair(TINY)
    call = pair.call()
    pair.caller.cancel(call)
    assert pair.caller.message(ROOM) is None
    assert pair.answered(1).value == 1
    long = pair.call(bytes(500))
    out = pair.caller.message(ROOM)
    pair.caller.sent(out)
    pair.callee.receive(out, 0)
    pair.caller.cancel(long)  # part of it has left: the rest follows
    pair.drive()
    assert code_of(long) == status.CANCELLED


def test_a_timeout_counts_on_both_sides():
    pair = Pair()
    call = pair.call(timeout_ms=100)
    slow = pair.call(timeout_ms=300)
    pair.drive()
    assert pair.caller.poll_timer() == pair.callee.poll_timer() == 100
    for now in (99, 100):
        pair.now = now
        pair.caller.handle_timer(now)
        pair.callee.handle_timer(now)
        assert (call.state == caller.WAITING) is (now < 100)
    assert code_of(call) == status.LATE and pair.requests[0].state == CANCELLED
    assert slow.state == caller.WAITING and pair.callee.poll_timer() == 300
    pair.callee.reply(pair.requests[0], 1)
    assert pair.callee.message(ROOM) == reply_message(1, None, status.LATE)
    pair.callee.reply(pair.requests[1], 2)
    pair.drive()
    assert slow.value == 2 and pair.caller.stale == 0
    pair.caller.handle_timer(300)
    assert pair.caller.poll_timer() is None


def test_an_error_of_the_handler_s_own():
    pair = Pair()
    call = pair.call()
    pair.drive()
    pair.callee.reply(pair.requests[0], [17, "no light"], status.ERROR)
    pair.drive()
    assert (call.error.number, call.error.detail) == (17, "no light")
    assert str(call.error) == "call.error 17: no light"


def test_a_reply_that_cannot_be_said():
    pair = Pair()
    values = (bytes(SMALL.value_bytes), object(), [[[[[[[[[]]]]]]]]])
    calls = [pair.call() for _ in values]
    pair.drive()
    for request, value in zip(pair.requests, values):
        pair.callee.reply(request, value)
    pair.drive()
    assert [code_of(c) for c in calls] == [status.TOO_LARGE, status.FAILED, status.TOO_LARGE]


def test_a_value_that_cannot_be_said_is_the_callers_fault():
    pair = Pair()
    raises(OVERSIZE, pair.call, bytes(SMALL.value_bytes))
    raises(BAD_ARGUMENT, pair.call, object())
    for name in ("", "x" * (NAME_MAX + 1), "a\n", " a"):
        raises(BAD_ARGUMENT, pair.call, None, name)
    raises(BAD_ARGUMENT, pair.call, None, "echo", -1)
    assert pair.caller.message(ROOM) is None
    assert pair.call(None, "x" * NAME_MAX).number == 1


def test_a_value_over_the_callee_s_limit():
    pair = Pair(TINY)
    head = put_call("echo", 0, encode(bytes(TINY.value_bytes), 9000))
    for at in range(0, len(head), 80):
        last = at + 80 >= len(head)
        pair.callee.receive(message(CALL if last else CALL | MORE, 1, head[at : at + 80]), 0)
    assert pair.callee.message(ROOM) == reply_message(1, None, status.TOO_LARGE)
    assert pair.callee.next_event() is None


def test_a_call_whose_value_is_none():
    pair = Pair()
    for number, value in enumerate((b"", b"\xff", b"\xf9\x7e\x00", b"\x9f\xff", b"\0\0"), 1):
        pair.callee.receive(message(CALL, number, put_call("echo", 0, value)), 0)
        out = pair.callee.message(ROOM)
        assert out == reply_message(number, None, status.BAD_VALUE)
        pair.callee.sent(out)
    assert pair.callee.next_event() is None


def test_an_answer_whose_value_is_none():
    pair = Pair()
    bodies = (b"\0", b"\0\xff", b"\xa0\0", b"\xa0\x82\0\0", b"\xa0\x82\x61a\0")
    for body in bodies:
        call = pair.call()
        pair.caller.receive(message(REPLY, call.number, body), 0)
        assert code_of(call) == status.BAD_VALUE, body
    call = pair.call()
    pair.caller.receive(message(REPLY, call.number, b""), 0)
    assert code_of(call) == status.BAD_VALUE


def test_a_code_that_is_not_known_is_told_as_it_is():
    pair = Pair()
    call = pair.call()
    pair.caller.receive(reply_message(call.number, None, 0xEE), 0)
    assert call.error.label == "call.0xee"


# Parts


def test_a_reply_in_parts():
    pair = Pair()
    call = pair.call()
    pair.drive()
    request = pair.requests.pop()
    taken = []
    for i in range(3 * PARTS):
        while not pair.callee.part(request, i):
            pair.drive()
            taken.append(pair.caller.take(call))
            pair.drive()
    pair.callee.reply(request, "end")
    pair.drive()
    while call.parts:
        taken.append(pair.caller.take(call))
    assert taken == list(range(3 * PARTS)) and call.value == "end"


def test_parts_have_credit():
    pair = Pair()
    call = pair.call()
    pair.drive()
    request = pair.requests.pop()
    assert [pair.callee.part(request, i) for i in range(PARTS + 1)] == [True] * PARTS + [False]
    pair.drive()
    assert list(call.parts) == list(range(PARTS))
    raises(WINDOW_CREDIT, pair.caller.receive, message(PART, call.number, b"\0"), 0)


def test_credit_beyond_its_bound_is_refused():
    for count in (0, 1, PARTS, 255):
        pair = Pair()
        pair.callee.receive(call_message(1), 0)
        word = message(GRANT, 1, bytes((count,)))
        raises(INVALID_STATE_TRANSITION, pair.callee.receive, word, 0)
    raises(INVALID_STATE_TRANSITION, pair.callee.receive, message(GRANT, 1, b"\1\1"), 0)


def test_a_part_that_is_no_value_ends_the_call():
    pair = Pair()
    call = pair.call()
    pair.drive()
    pair.caller.receive(message(PART, call.number, b"\xff"), 0)
    assert code_of(call) == status.BAD_VALUE
    assert pair.caller.message(ROOM) == message(CANCEL, call.number)


# Messages that are none


def test_words_to_what_is_not_there_change_nothing():
    pair = Pair()
    pair.callee.receive(message(CANCEL, 5), 0)
    pair.callee.receive(message(GRANT, 5, b"\1"), 0)
    assert pair.callee.message(ROOM) is None and pair.callee.next_event() is None


def test_messages_of_the_wrong_side_or_of_no_kind():
    for kind in (0, PART, REPLY, 6, 0x7F):
        raises(INVALID_STATE_TRANSITION, Pair().callee.receive, message(kind, 1), 0)
    for kind in (0, CALL, CANCEL, GRANT, 6, 0x7F):
        raises(INVALID_STATE_TRANSITION, Pair().caller.receive, message(kind, 1), 0)


def test_short_messages_are_malformed():
    whole = call_message(1)
    for end in range(len(whole) - 1):
        pair = Pair()
        if end < 5 + 5 + 4:
            raises(MALFORMED, pair.callee.receive, whole[:end], 0)
    raises(MALFORMED, Pair().caller.receive, b"\5\0\0\0", 0)
    raises(MALFORMED, Pair().callee.receive, message(CALL, 1 << 30), 0)


def test_another_message_within_a_body():
    for other in (message(CANCEL, 1), call_message(2)):
        pair = Pair()
        pair.callee.receive(message(CALL | MORE, 1, put_call("echo", 0, b"")), 0)
        raises(INVALID_STATE_TRANSITION, pair.callee.receive, other, 0)
