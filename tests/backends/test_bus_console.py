"""The bus, on the backend of this interpreter: sources that a peer has a board run."""

from backend import ANYONE, BareBus, run, sleep_ms
from dsoftbus.const import SMALL
from dsoftbus.service import status
from dsoftbus.service.status import CallError
from node_pair import HOST, B, Ruled, refused, until

RUN = "dsoftbus/console/run"


class Wide(SMALL):
    """A caller that may say more than a board takes."""

    value_bytes = 65536


class Consoled(Ruled):
    """A server with a console, whose peer may use it."""

    def __init__(self, *grants):
        super().__init__(*(grants or ("allow in console",)))
        self.client_bus = BareBus(B, "client", Wide, ANYONE)
        self.server.console()

    async def says(self, value, client=None) -> list:
        """Returns the parts of the answer."""
        found = []
        async for part in (client or self.client).parts(RUN, value):
            found.append(part)
        return found

    async def output(self, source) -> str:
        """Returns what the source has printed."""
        parts = await self.says(source)
        assert all(type(part) is str for part in parts), parts
        return "".join(parts)


def check(story, *grants) -> None:
    async def test():
        async with Consoled(*grants) as board:
            await story(board)

    run(test())


def test_expressions_statements_and_names_that_stay():
    async def story(board):
        assert await board.output("1 + 1") == "2\n"
        assert await board.output("None") == ""
        assert await board.output("x = 5") == ""
        assert await board.output("x") == "5\n"
        assert await board.output("for n in range(3):\n    print(n, end=';')") == "0;1;2;"
        assert await board.output("print('a', 1, sep='-')") == "a-1\n"
        assert await board.output("def f(n):\n    print('in f', n)\n    return n\n") == ""
        assert await board.output("f('\u20ac')") == "in f \u20ac\n%r\n" % "\u20ac"
        assert await board.output("bus.id") == repr(board.server.id) + "\n"
        assert await board.output("peer.peer_id == %r" % board.client_bus.id) == "True\n"

    check(story)


def test_bytes_go_in_and_come_back():
    async def story(board):
        data = bytes(range(256)) * 4
        assert await board.says(["result = data", data]) == [data]
        assert await board.says(["result = 'no bytes'", data]) == []
        assert (await board.says("data"))[0] == "b''\n"
        assert await board.says("result") != [data]

    check(story)


def test_an_error_is_its_traceback_after_the_output():
    async def story(board):
        for source in (
            "print('before')\nraise ValueError('wrong')",
            "print('before')\n[][5]",
            "print('before')\nraise SystemExit",
            "print('before')\nraise MemoryError",
        ):
            parts = await board.says(source)
            assert parts[0] == "before\n" and len(parts) == 2, parts
            assert "Error" in parts[1][0] or "SystemExit" in parts[1][0], parts
        for source in ("1 +", "if", "x = = 1", "no_such_name", "print('x'"):
            (part,) = await board.says(source)
            assert "Error" in part[0], part
        assert await board.output("'still there'") == "'still there'\n"

    check(story)


def test_endless_output_ends_with_an_error_and_is_bounded():
    async def story(board):
        parts = await board.says("while True:\n    print('x' * 100)")
        assert "more output than 4096 characters" in parts[-1][0]
        text = "".join(parts[:-1])
        assert 3900 < len(text) <= 4096 and all(len(part) <= 256 for part in parts[:-1])
        parts = await board.says("print('x' * 100000)")
        assert len(parts) == 1 and "more output" in parts[0][0]
        assert await board.output("print('y' * 4095)") == "y" * 4095 + "\n"

    check(story)


def test_text_that_is_no_ascii_is_cut_between_characters():
    async def story(board):
        text = "a\u20ac\U0001f600" * 90
        assert await board.output("print(%r, end='')" % text) == text

    check(story)


def test_a_coroutine_is_awaited_and_the_node_goes_on():
    async def story(board):
        await board.output("import asyncio")
        await board.output("async def f():\n    await asyncio.sleep(0.01)\n    return 'late'\n")
        assert await board.output("f()") == "'late'\n"

    check(story)


def test_a_source_that_is_given_up_is_cancelled():
    async def story(board):
        await board.output("import asyncio\nended = []")
        await board.output(
            "async def f():\n"
            "    try:\n"
            "        await asyncio.sleep(1000)\n"
            "    finally:\n"
            "        ended.append(1)\n"
        )
        parts = board.client.parts(RUN, "f()")
        await sleep_ms(20)
        await refused_with(2, board.says("1"))  # one after the other
        parts.close()
        while await board.output("len(ended)") != "1\n":
            await sleep_ms(1)

    check(story)


async def refused_with(number, awaitable) -> None:
    error = await refused(status.ERROR, awaitable)
    assert error.number == number, error


def test_a_request_that_is_none():
    async def story(board):
        for wrong in (None, 1, b"x", [], ["x"], ["x", "y"], ["x", b"y", 1], {"x": 1}, [b"x", "y"]):
            await refused_with(1, board.says(wrong))
        await refused(status.NO_METHOD, board.client.call("dsoftbus/console/other"))

    check(story)


def test_a_source_that_is_too_long_leaves_the_console_as_it_was():
    async def story(board):
        await board.output("x = 1")
        await refused(status.TOO_LARGE, board.says("#" * 5000))
        assert await board.output("x") == "1\n"

    check(story)


def test_who_has_not_the_right_or_meets_no_console():
    async def story(board):
        await refused(status.DENIED, board.says("1"))
        board.server.begun.clear()
        await refused(status.DENIED, board.says("1"))

    check(story, "allow both *", "allow in logs", "allow in update")

    async def without(board):
        board.server.begun.clear()
        await board.client.call("light")
        await refused(status.NO_METHOD, board.says("1"))

    check(without, "allow in console", "allow in call/*")


def test_two_consoles_have_names_of_their_own():
    async def story(board):
        port = await board.server.listen(HOST)
        other = await board.client_bus.connect(HOST, port, board.server.public)
        await board.output("x = 'first'")
        assert "NameError" in (await board.says("x", other))[-1][0]
        await board.says("x = 'second'", other)
        assert await board.output("x") == "'first'\n"
        await other.close()
        assert await board.output("x") == "'first'\n"

    check(story)


def test_a_session_that_is_cut_takes_its_names_along():
    async def story(board):
        await board.output("big = bytes(1000)")
        port = await board.server.listen(HOST)
        await board.client.close()
        await until(lambda: not board.server.connections())
        board.client = await board.client_bus.connect(HOST, port, board.server.public)
        assert "NameError" in (await board.says("big"))[-1][0]

    check(story)


class Place:
    """Stands for the board that is reset."""

    def __init__(self):
        self.resets = 0

    def reset(self):
        self.resets += 1


def test_a_reset_is_answered_first_and_closes_the_sessions():
    async def story(board):
        place = Place()
        board.server.update_place = lambda: place
        assert await board.client.call("dsoftbus/console/reset") is None
        assert place.resets == 0
        await board.client.ended()
        await until(lambda: place.resets)
        try:
            await board.says("1")
        except CallError as error:
            assert error.code == status.NOT_MADE
        except Exception as error:  # noqa: BLE001 - the end of the session
            assert "session.end" in str(error), error

    check(story)
