"""The bus, on the backend of this interpreter: calls."""

import asyncio

from backend import run, sleep_ms
from dsoftbus.const import CALLS_STREAM, KIND_MESSAGES, SMALL
from dsoftbus.errors import (
    END_PEER,
    MALFORMED,
    OUTSIDE_ACL,
    STREAM_KIND_MISMATCH,
    STREAM_LIMIT,
)
from dsoftbus.service import status
from dsoftbus.service.call_messages import PARTS
from dsoftbus.service.status import CallError
from node_pair import Pair, Ruled, refused, until


class Calls(Pair):
    """A pair whose server answers calls; `errors` are what its program was told."""

    def __init__(self):
        super().__init__()
        self.errors = []
        self.running = 0
        server = self.server_bus
        server.on_error = self.errors.append
        server.call("double")(lambda _connection, value: value * 2)
        server.call("who")(lambda connection, _value: connection.peer_name)
        server.call("slow")(self.slow)
        server.call("raise")(self.fail)
        server.call("own")(self.own)
        server.call("nothing that can be said")(lambda _connection, _value: object())

    async def slow(self, _connection, value):
        self.running += 1
        try:
            await sleep_ms(value)
        finally:
            self.running -= 1
        return "slept"

    @staticmethod
    def fail(_connection, value):
        raise ValueError(value)

    @staticmethod
    async def own(_connection, value):
        raise CallError(value, "of its own")


def test_functions_and_coroutines_answer():
    async def test():
        async with Calls() as pair:
            assert await pair.client.call("double", 21) == 42
            assert await pair.client.call("double", [b"a", {"k": 1.5}][:1]) == [b"a", b"a"]
            assert await pair.client.call("who") == "client"
            assert await pair.client.call("slow", 1) == "slept"
            big = bytes(SMALL.value_bytes // 2 - 3)
            assert await pair.client.call("double", big) == big * 2

    run(test())


def test_calls_at_once():
    async def test():
        async with Calls() as pair:
            calls = [pair.client.call("double", i) for i in range(SMALL.calls)]
            assert await asyncio.gather(*calls) == [2 * i for i in range(SMALL.calls)]

    run(test())


def test_errors_of_a_call():
    async def test():
        async with Calls() as pair:
            call = pair.client.call
            await refused(status.NO_METHOD, call("other"))
            await refused(status.FAILED, call("raise", "secret"))
            await refused(status.FAILED, call("nothing that can be said"))
            await refused(status.LATE, call("slow", 60000, timeout_ms=50))
            error = await refused(status.ERROR, call("own", 7))
            assert (error.number, error.detail) == (7, "of its own")
            assert [type(error) for error in pair.errors] == [ValueError]
            assert await call("double", 1) == 2
            await until(lambda: pair.running == 0)

    run(test())


def test_a_node_that_answers_none():
    async def test():
        async with Pair() as pair:
            for _ in range(2):
                await refused(status.NO_METHOD, pair.client.call("double", 1))

    run(test())


class Count:
    """An async iterator, as MicroPython has it, too."""

    def __init__(self, end):
        self.at = 0
        self.end = end

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.at == self.end:
            raise StopAsyncIteration
        await sleep_ms(0)
        self.at += 1
        return self.at


def test_a_reply_in_parts_waits_for_its_reader():
    async def test():
        async with Calls() as pair:
            counts = []

            def count(_connection, end):
                counts.append(Count(end))
                return counts[-1]

            async def later(_connection, end):
                return count(_connection, end)

            pair.server_bus.call("count")(count)
            pair.server_bus.call("later")(later)
            for name in ("count", "later"):
                parts = pair.client.parts(name, 20)
                await until(lambda: counts)
                await sleep_ms(50)
                assert counts[-1].at <= PARTS + 1  # the credit, and the one that waits for more
                taken = []
                async for part in parts:
                    taken.append(part)
                assert taken == list(range(1, 21))
                counts.clear()
            assert await pair.client.call("count", 9) is None  # parts are passed over

    run(test())


def test_parts_that_nobody_wants_any_more_end_their_handler():
    async def test():
        async with Calls() as pair:
            counts = []

            def count(_connection, end):
                counts.append(Count(end))
                return counts[-1]

            pair.server_bus.call("count")(count)
            parts = pair.client.parts("count", 1000)
            async for part in parts:
                if part == 7:
                    break
            parts.close()
            for _ in range(SMALL.calls):  # its place is free again, as are all
                assert await pair.client.call("double", 1) == 2
            assert counts[0].at < 1000

    run(test())


def test_both_sides_call():
    async def test():
        async with Calls() as pair:
            pair.client_bus.call("name")(lambda _connection, _value: "client's")
            assert await pair.server.call("name") == "client's"
            assert await pair.client.call("double", 2) == 4

    run(test())


def test_cancelling_reaches_the_handler():
    async def test():
        async with Calls() as pair:
            task = asyncio.create_task(pair.client.call("slow", 60000))
            await until(lambda: pair.running == 1)
            task.cancel()
            await until(lambda: pair.running == 0)
            assert await pair.client.call("double", 2) == 4

    run(test())


def test_a_call_that_is_cancelled_before_its_handler_begins_gives_back_its_place():
    async def test():
        async with Calls() as pair:

            def gone(connection, _value):
                machine = connection.answering.machine
                for request in machine._calls.values():
                    machine._cancel(request, status.CANCELLED)  # as a CANCEL that comes now does
                return pair.slow(connection, 1000)

            pair.server_bus.call("gone")(gone)
            for _ in range(2 * SMALL.calls):
                await refused(status.CANCELLED, pair.client.call("gone", timeout_ms=500))
            assert pair.running == 0
            assert await pair.client.call("double", 1) == 2

    run(test())


def test_one_too_many_is_busy_at_once():
    async def test():
        async with Calls() as pair:
            tasks = [
                asyncio.create_task(pair.client.call("slow", 200)) for _ in range(SMALL.calls)
            ]
            await until(lambda: pair.running == SMALL.calls)
            await refused(status.BUSY, pair.client.call("double", 1))
            assert await asyncio.gather(*tasks) == ["slept"] * SMALL.calls

    run(test())


def test_the_end_of_the_session_ends_every_call():
    async def test():
        async with Calls() as pair:
            tasks = [asyncio.create_task(pair.client.call("slow", 60000, 0)) for _ in range(3)]
            await until(lambda: pair.running == 3)
            pair.server.abort(END_PEER)
            for task in tasks:
                await refused(status.UNKNOWN, task)
            await until(lambda: pair.running == 0)

    run(test())


# Access


def test_a_call_outside_the_rules_is_denied_and_told():
    async def test():
        async with Ruled("allow in call/light") as ruled:
            await ruled.client.call("light", 1)
            for name in ("door", "other"):  # nobody learns by this what is here
                await refused(status.DENIED, ruled.client.call(name, 2))
            denied = [ruled.server.node.next_event() for _ in range(2)]
            assert [event.name for event in denied if event] in ([], ["call/door", "call/other"])
            assert ruled.called == [1]

    run(test())


def test_a_peer_without_rights_makes_no_call():
    async def test():
        async with Ruled("deny both *") as ruled:
            await refused(status.DENIED, ruled.client.call("light", 1))
            assert ruled.called == []

    run(test())


def test_a_call_that_the_rules_here_do_not_allow_does_not_leave():
    async def test():
        async with Ruled("allow in call/light") as ruled:
            await until(lambda: ruled.server.connections(ruled.client_bus.id))
            (back,) = ruled.server.connections(ruled.client_bus.id)
            await refused(OUTSIDE_ACL, back.call("light", 1))

    run(test())


def test_a_second_stream_of_calls_is_refused():
    async def test():
        async with Calls() as pair:
            assert await pair.client.call("double", 1) == 2
            stream = await pair.client.open(CALLS_STREAM, kind=KIND_MESSAGES)
            await refused(STREAM_LIMIT, stream.receive())
            bytes_ = await pair.client.open(CALLS_STREAM)
            await refused(STREAM_KIND_MISMATCH, bytes_.read())
            assert await pair.client.call("double", 2) == 4

    run(test())


def test_what_is_no_message_of_calls_ends_that_stream_alone():
    async def test():
        async with Calls() as pair:
            stream = await pair.client.open(CALLS_STREAM, kind=KIND_MESSAGES)
            await stream.send(b"?")
            await refused(MALFORMED, stream.receive())
            assert await pair.client.call("double", 2) == 4

    run(test())
