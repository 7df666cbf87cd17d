"""The bus, on the backend of this interpreter: the log of a node, and who reads it."""

from backend import ANYONE, BareBus, run, sleep_ms
from dsoftbus.const import SMALL
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, LocalError
from dsoftbus.service import status
from dsoftbus.service.log_ring import U32_MAX
from dsoftbus_aio.services.log_watch import LogWatch
from node_pair import HOST, A, B, Ruled, refused, until


class Logged(Ruled):
    """A server whose peer may read its log."""

    def __init__(self, *grants):
        super().__init__(*(grants or ("allow in logs",)))
        self.server.logs()

    def say(self, *texts, level="info"):
        for text in texts:
            self.server.log(level, text)


async def texts(watch) -> list:
    return said(await gathered(watch, []))


async def gathered(watch, found, most=1 << 30) -> list:
    async for record in watch:
        found.append(record)
        if len(found) == most:
            break
    return found


def said(found) -> list:
    return [record.text for record in found]


def test_a_peer_reads_what_a_node_has_said():
    async def test():
        async with Logged() as logged:
            logged.say("one", "two\nthree", "", level="warning")
            found = await gathered(logged.client.read_logs(), [])
            assert said(found) == ["one", "two", "three"]
            assert [record.sequence for record in found] == [1, 2, 3]
            assert all(r.level == "warning" and r.at_ms >= 0 and r.lost == 0 for r in found)

    run(test())


def test_levels_are_from_there_on():
    async def test():
        async with Logged() as logged:
            for level in ("error", "debug", "info", "warning"):
                logged.say(level, level=level)
            for level, expected in (
                ("debug", ["error", "debug", "info", "warning"]),
                ("warning", ["error", "warning"]),
                ("error", ["error"]),
            ):
                assert said(await gathered(logged.client.read_logs(level), [])) == expected
            for wrong in (logged.client.read_logs, lambda level: logged.server.log(level, "x")):
                try:
                    wrong("loud")
                except LocalError as error:
                    assert error.code == BAD_ARGUMENT and "debug, info" in error.detail
                else:
                    raise AssertionError(wrong)

    run(test())


def test_who_follows_gets_what_comes():
    async def test():
        async with Logged() as logged:
            logged.say("before")
            watch = logged.client.read_logs("debug", True)
            found = await gathered(watch, [], 1)
            logged.say("after")
            logged.say("and again")
            await gathered(watch, found, 3)
            assert said(found) == ["before", "after", "and again"]
            watch.close()
            await until(lambda: not logged.server.connections()[0].answering.machine._calls)

    run(test())


def test_who_is_slow_is_told_how_much_it_has_lost():
    async def test():
        async with Logged() as logged:
            for n in range(500):
                logged.say("%03d" % n)
            watch = logged.client.read_logs("debug", True)
            first = await gathered(watch, [], 1)
            assert first[0].lost + 1 == first[0].sequence > 1
            for n in range(500, 1000):
                logged.say("%03d" % n)
            found = first
            while found[-1].text != "999":
                await gathered(watch, found, len(found) + 1)
            assert sum([r.lost for r in found]) + len(found) == 1000
            assert all(int(r.text) + 1 == r.sequence for r in found)
            watch.close()

    run(test())


def test_the_right_is_asked_and_a_node_without_a_log_has_none():
    async def test():
        async with Logged("allow both *") as logged:
            await refused(status.DENIED, texts(logged.client.read_logs()))
        async with Ruled("allow in logs", "allow in call/*") as ruled:
            await ruled.client.call("light")
            await refused(status.NO_METHOD, texts(ruled.client.read_logs()))

    run(test())


def test_a_request_that_is_none_is_an_error_of_the_peers():
    async def test():
        async with Logged() as logged:
            logged.say("x")
            for wrong in (
                1,
                [],
                {"level": "info"},
                {"level": True},
                {"follow": 1},
                {"after": None},
                {"start": 1.5},
            ):
                error = await refused(status.ERROR, logged.client.call("dsoftbus/logs", wrong))
                assert error.number == 1
            assert await logged.client.call("dsoftbus/logs", {"after": -5, "level": 99}) is None
            await refused(status.NO_METHOD, logged.client.call("dsoftbus/logs/x"))

    run(test())


class Asker:
    """A peer as it comes and goes, whose sessions a test gives."""

    def __init__(self, connections):
        self._connections = list(connections)

    async def connected(self, _timeout_ms):
        return self._connections.pop(0)


def test_a_reader_goes_on_in_the_next_session_and_with_the_next_start():
    async def test():
        async with Logged() as logged:
            server = logged.server
            port = await server.listen(HOST)

            async def session():
                return await logged.client_bus.connect(HOST, port, server.public)

            first, second, third = await session(), await session(), await session()
            watch = LogWatch(Asker((first, second, third)), True, "debug", True)
            logged.say("one", "two")
            found = await gathered(watch, [], 2)
            await first.close()
            logged.say("three")
            await gathered(watch, found, 3)
            start = found[2].start
            assert said(found) == ["one", "two", "three"] and found[0].start == start
            server.begun.pop("logs").close()  # another start
            await second.close()
            server.logs()
            logged.say("anew")
            await gathered(watch, found, 4)
            assert found[3].text == "anew" and found[3].start != start
            assert found[3].sequence == 1 and found[3].lost == 0
            watch.close()

    run(test())


class Liar:
    """Answers with parts that a test gives."""

    def __init__(self, parts):
        self._parts = parts

    def handler(self, _name):
        return lambda _connection, _value: Items(self._parts)

    def close(self):
        pass


class Items:
    def __init__(self, parts):
        self._left = iter(parts)

    def __aiter__(self):
        return self

    async def __anext__(self):
        for part in self._left:
            return part
        raise StopAsyncIteration


def test_what_is_no_log_is_the_peers_fault():
    async def test():
        record = [1, 0, 1, "x"]
        async with Logged() as logged:
            logged.server.begun.pop("logs").close()
            for parts in (
                [1],
                [[]],
                [["x", 1]],
                [[1]],
                [[1, -5]],
                [[1, 5], []],
                [[1, 5], ["x"]],
                [[1, 5], [0, 1]],
                [[1, 5], [0, record[:3]]],
                [[1, 5], [0, [1, 0, 4, "x"]]],
                [[1, 5], [0, [1, 0, -1, "x"]]],
                [[1, 5], [0, [1, "0", 1, "x"]]],
                [[1, 5], [0, [1, 0, 1, b"x"]]],
                [[1, 5], [True, record]],
            ):
                logged.server.begun["logs"] = Liar(parts)
                await refused(MALFORMED, texts(logged.client.read_logs()))

    run(test())


def test_times_go_on_where_the_clock_of_the_wire_ends():
    async def test():
        day = U32_MAX + 1
        parts = [[7, day + 5], [0, [1, U32_MAX, 1, "a"], [2, 3, 1, "b"]], [0, [3, 9, 1, "c"]]]
        async with Logged() as logged:
            logged.server.begun.pop("logs").close()
            logged.server.begun["logs"] = Liar(parts)
            found = await gathered(logged.client.read_logs(), [])
            assert [record.at_ms for record in found] == [U32_MAX, day + 3, day + 9]

    run(test())


def test_a_flood_holds_no_more_memory_than_the_ring():
    async def test():
        async with Logged() as logged:
            records = logged.server.logs()
            for n in range(3000):
                logged.say("flood %d " % n * (n % 60))
            assert len(records.ring._bytes) == SMALL.value_bytes // 2
            _, found, _ = records.ring.since(1, 0, 1 << 20)
            assert "flood 2999" in found[-1][3] and len(records._line) == 0
            records.add(b"x" * 100000)  # without an end
            assert len(records._line) <= 200

    run(test())


def test_two_readers_and_one_that_goes():
    async def test():
        async with Logged() as logged:
            first = logged.client.read_logs("debug", True)
            second = logged.client.read_logs("debug", True)
            logged.say("one")
            assert said(await gathered(first, [], 1)) == said(await gathered(second, [], 1))
            first.close()
            await sleep_ms(20)
            logged.say("two")
            assert said(await gathered(second, [], 1)) == ["two"]
            second.close()

    run(test())


def test_a_log_begins_with_the_first_word_and_ends_with_its_bus():
    async def test():
        bus = BareBus(A, "one", SMALL, ANYONE)
        bus.log("info", "word")
        assert bus.logs() is bus.logs() is bus.begun["logs"]
        other = BareBus(B, "two", SMALL, ANYONE)
        other.logs()
        await bus.close()
        await other.close()

    run(test())


def test_who_loses_the_right_reads_no_further():
    async def test():
        async with Logged("allow in logs", "allow in call/*") as logged:
            logged.say("before")
            watch = logged.client.read_logs("debug", True)
            found = await gathered(watch, [], 1)
            logged.entry.grants.pop(0)
            logged.store.touch()
            logged.turn()
            logged.say("after")
            error = await refused(status.ERROR, gathered(watch, found, 2))
            assert error.number == 2 and said(found) == ["before"]
            await logged.client.call("light")  # the rest goes on

    run(test())
