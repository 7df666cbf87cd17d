"""The bus, on the backend of this interpreter: streams for programs."""

import asyncio

from backend import run, sleep_ms
from dsoftbus.const import KIND_MESSAGES, SMALL
from dsoftbus.errors import (
    BAD_ARGUMENT,
    INVALID_STREAM_NAME,
    MALFORMED,
    NO_SUCH_SERVICE,
    STREAM_CANCELLED,
    STREAM_LIMIT,
)
from node_pair import HOST, A, B, Pair, bus, refused
from support import Random


def test_bytes_both_ways_with_half_close():
    async def test():
        async with Pair() as pair:
            ours = await pair.client.open("bytes")
            await ours.write(b"ping")
            await ours.finish()
            theirs = await pair.server.accept()
            assert theirs.name == "bytes"
            assert await theirs.read(100) == b"ping"
            assert await theirs.read(100) == b""
            await theirs.write(b"pong")
            await theirs.finish()
            assert await ours.read() == b"pong"

    run(test())


def test_much_more_than_the_credit():
    async def test():
        data = Random(4)(100_000)

        async def reader(session):
            async with await session.accept() as stream:
                return await stream.read()

        async with Pair() as pair:
            received = asyncio.create_task(reader(pair.server))
            async with await pair.client.open("much") as stream:
                await stream.write(data)
            assert await received == data

    run(test())


async def give_back(session, stream):
    await stream.write(await stream.read())


async def ask(session, n: int) -> None:
    """One request and its answer, on a stream of its own."""
    question = str(n).encode()
    async with await session.open("answer") as stream:
        await stream.write(question)
        await stream.finish()
        assert await stream.read() == question


def test_one_service_is_asked_again_and_again_and_by_several_at_once():
    async def test():
        async with Pair() as pair:
            pair.server_bus.on_stream("answer", give_back)
            for n in range(100):
                await ask(pair.client, n)
            for _ in range(10):
                asking = [ask(pair.client, n) for n in range(SMALL.streams // 2)]
                await asyncio.gather(*asking)

    run(test())


def test_iteration_over_sessions_streams_and_bytes():
    async def test():
        async with bus(A) as server, bus(B) as client:
            port = await server.listen(HOST)
            session = await client.connect(HOST, port, server.public)
            for name in ("one", "two"):
                async with await session.open(name) as stream:
                    await stream.write(name.encode())
            seen = {}
            async for incoming in server:
                async for stream in incoming:
                    async for chunk in stream:
                        seen[stream.name] = chunk
                    await stream.finish()
                    if len(seen) == 2:
                        await session.close()
                break
            assert seen == {"one": b"one", "two": b"two"}

    run(test())


def test_messages_stay_whole():
    async def test():
        async with Pair() as pair:
            ours = await pair.client.open("words", 3, KIND_MESSAGES)
            theirs = await pair.server.accept()
            for message in (b"a", b"", b"c" * 1000):
                await ours.send(message)
                assert await theirs.receive() == message
            await refused(BAD_ARGUMENT, ours.send(bytes(5000)))
            await ours.finish()
            assert await theirs.receive() is None

    run(test())


def test_readexactly_says_what_is_missing():
    async def test():
        async with Pair() as pair:
            async with await pair.client.open("short") as ours:
                await ours.write(b"12345")
            theirs = await pair.server.accept()
            assert await theirs.readexactly(3) == b"123"
            await refused(MALFORMED, theirs.readexactly(3))

    run(test())


def test_what_can_be_written_and_where_it_can_be_read():
    async def test():
        async with Pair() as pair:
            async with await pair.client.open("kinds") as ours:
                for data in (b"", b"bytes ", bytearray(b"array "), memoryview(b"a view")[2:]):
                    await ours.write(data)
            theirs = await pair.server.accept()
            buffer = bytearray(b"." * 20)
            at = 4
            n = await theirs.readinto(buffer, at)
            while n:
                at += n
                n = await theirs.readinto(buffer, at)
            assert buffer == b"....bytes array view"
            assert await theirs.read() == b""

    run(test())


def test_names_and_priorities_that_do_not_exist():
    async def test():
        async with Pair() as pair:
            for name in ("", "x" * 65):
                await refused(INVALID_STREAM_NAME, pair.client.open(name))
            await refused(BAD_ARGUMENT, pair.client.open("x", 8))
            for n in range(SMALL.streams):
                await pair.client.open(str(n))
            await refused(STREAM_LIMIT, pair.client.open("one too many"))

    run(test())


def test_a_reset_wakes_the_other_side():
    async def test():
        async with Pair() as pair:
            ours = await pair.client.open("doomed")
            theirs = await pair.server.accept()
            reading = asyncio.create_task(theirs.read(1))
            await sleep_ms(0)
            ours.reset()
            await refused(STREAM_CANCELLED, reading)
            await refused(STREAM_CANCELLED, theirs.write(b"late"))

    run(test())


def test_accepted_waits_for_the_answer_whatever_it_is():
    async def test():
        async with Pair() as pair:
            stream = await pair.client.open("asked")
            waiting = asyncio.create_task(stream.accepted())
            await sleep_ms(10)
            assert not waiting.done()
            theirs = await pair.server.accept()
            await waiting
            await stream.accepted()  # and has nothing to wait for any more
            theirs.reset()
            stream.reset()
            pair.server_bus.on_stream("known", lambda session, stream: None)
            unknown = await pair.client.open("unknown")
            for _ in range(2):
                await refused(NO_SUCH_SERVICE, unknown.accepted())

    run(test())


def test_a_block_that_raises_resets_its_stream():
    async def test():
        async with Pair() as pair:
            try:
                async with await pair.client.open("cut short") as stream:
                    await stream.write(b"half of")
                    theirs = await pair.server.accept()
                    raise KeyError("the program's own")
            except KeyError:
                pass
            await refused(STREAM_CANCELLED, theirs.read())

    run(test())


def test_a_slow_reader_holds_up_itself_alone():
    async def test():
        async with Pair() as pair:
            slow = await pair.client.open("slow")
            unread = await pair.server.accept()
            writing = asyncio.create_task(slow.write(bytes(3 * SMALL.stream_credit)))
            quick = await pair.client.open("quick")
            other = await pair.server.accept()
            size = SMALL.stream_credit // 2  # as much may be held back by the batching of credit
            for n in range(20):
                data = Random(n)(size)
                await quick.write(data)
                assert await other.readexactly(size) == data
            assert not writing.done()
            assert len(await unread.readexactly(3 * SMALL.stream_credit)) == 6144
            await writing

    run(test())


def test_a_write_that_is_cancelled_leaves_the_buffer_to_its_owner():
    async def test():
        async with Pair() as pair:
            buffer = bytearray(b"x" * (SMALL.stream_credit + 100))
            ours = await pair.client.open("cut")
            first = await pair.client.open("first")  # takes the session's turn, below
            assert first.name == "first"
            theirs = await pair.server.accept()
            writing = asyncio.create_task(ours.write(buffer))
            await sleep_ms(5)
            writing.cancel()
            try:
                await writing
            except asyncio.CancelledError:
                pass
            for i in range(len(buffer)):
                buffer[i] = 0
            assert await theirs.readexactly(SMALL.stream_credit) == b"x" * SMALL.stream_credit

    run(test())


async def cut(reading) -> None:
    """Begins to read, takes what is there, and is cancelled."""
    task = asyncio.create_task(reading)
    await sleep_ms(5)
    assert not task.done()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return
    raise AssertionError("it was not cancelled")


def test_a_read_that_is_cancelled_leaves_what_had_come():
    """At each suspension: after no byte, after one, ... and in whichever way it is read then."""

    async def test():
        async with Pair() as pair:
            ours = await pair.client.open("pieces")
            theirs = await pair.server.accept()
            data = Random(9)(12)
            buffer = bytearray(12)
            for arrived in range(12):
                for begin in (theirs.read, lambda: theirs.readexactly(12)):
                    for n in range(arrived):
                        await ours.write(data[n : n + 1])
                        if n % 4 == 0:
                            await cut(begin())
                    await cut(begin())
                    await ours.write(data[arrived:])
                    assert await theirs.readexactly(12) == data
                await ours.write(data[:3])
                await cut(theirs.readexactly(12))
                assert await theirs.read(2) == data[:2]
                assert await theirs.readinto(buffer, 2) == 1 and buffer[2] == data[2]
            await ours.write(data)
            await cut(theirs.read())
            await ours.finish()
            assert await theirs.read() == data

    run(test())


def test_a_message_that_is_not_awaited_any_more_is_there_for_the_next():
    async def test():
        async with Pair() as pair:
            ours = await pair.client.open("words", 3, KIND_MESSAGES)
            theirs = await pair.server.accept()
            for n in range(3):
                await cut(theirs.receive())
                await ours.send(b"%d" % n)
                assert await theirs.receive() == b"%d" % n
            await refused(BAD_ARGUMENT, (await pair.client.open("bytes")).receive())

    run(test())


def test_a_cancelled_accept_takes_nothing_with_it():
    async def test():
        async with Pair() as pair:
            waiting = asyncio.create_task(pair.server.accept())
            await sleep_ms(1)
            waiting.cancel()
            await pair.client.open("later")
            assert (await pair.server.accept()).name == "later"

    run(test())


def test_streams_that_nobody_takes_are_bounded():
    async def test():
        async with Pair() as pair:
            await pair.client.open("first")
            for _ in range(5 * SMALL.streams):
                (await pair.client.open("gone")).reset()
                await sleep_ms(1)
            assert len(pair.server._incoming) <= SMALL.streams
            last = await pair.client.open("last")
            assert (await pair.server.accept()).name == "first"
            await last.write(b"heard")
            theirs = await pair.server.accept()
            assert theirs.name == "last"
            assert await theirs.read(5) == b"heard"

    run(test())
