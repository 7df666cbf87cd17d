"""Programs end in one order by each signal, whatever Ctrl-C means to the asyncio.run of this
CPython."""

import asyncio
import os
import signal
import threading

import pytest

import before_311
from dsoftbus_host import run
from dsoftbus_host.interrupt import signals_end


@pytest.fixture
def runner(monkeypatch, request):
    monkeypatch.setattr(asyncio, "run", request.param)


both = pytest.mark.parametrize(
    "runner", [asyncio.run, before_311.run], ids=["here", "before 3.11"], indirect=True
)


each_signal = pytest.mark.parametrize(
    ("number", "end"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["INT", "TERM", "HUP"],
)


def send(number):
    os.kill(os.getpid(), number)


def ctrl_c():
    send(signal.SIGINT)


def ends_with(status):
    """Ctrl-C is a KeyboardInterrupt, too, as programs expect it."""
    return pytest.raises(KeyboardInterrupt if status == 130 else SystemExit)


async def forever():
    await asyncio.Event().wait()


@both
@pytest.mark.usefixtures("runner")
def test_a_program_gives_its_result_and_leaves_ctrl_c_as_it_was():
    async def main():
        await asyncio.sleep(0)
        return 3

    assert run(main()) == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@both
@each_signal
@pytest.mark.usefixtures("runner")
def test_a_signal_ends_the_program_first_and_what_it_left_behind_then(number, end):
    order = []
    before = signal.getsignal(number)

    async def noted(name):
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            order.append(name)

    async def main():
        left = asyncio.ensure_future(noted("left behind"))
        asyncio.get_running_loop().call_soon(send, number)
        try:
            await noted("program")
        finally:
            order.append(left.done())

    with ends_with(end) as raised:
        run(main())
    assert getattr(raised.value, "code", None) == end
    assert order == ["program", False, "left behind"]
    assert signal.getsignal(number) == before


@both
@pytest.mark.usefixtures("runner")
def test_a_second_ctrl_c_ends_a_program_that_lingers():
    async def main():
        asyncio.get_running_loop().call_soon(ctrl_c)
        try:
            await forever()
        finally:
            ctrl_c()
            order.append("not reached")

    order = []
    with pytest.raises(KeyboardInterrupt):
        run(main())
    assert order == []


@both
@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("runner")
def test_what_says_it_twice_does_not_cut_the_end_short(first):
    """As a terminal that closes, by way of its shell, and a manager of services."""
    order = []

    async def main():
        asyncio.get_running_loop().call_soon(send, first)
        try:
            await forever()
        finally:
            for number in (signal.SIGHUP, signal.SIGTERM):
                send(number)
                await asyncio.sleep(0)
            order.append("in order")

    with pytest.raises(SystemExit) as raised:
        run(main())
    assert (raised.value.code, order) == (128 + first, ["in order"])


@both
@pytest.mark.usefixtures("runner")
def test_ctrl_c_ends_a_program_that_lingers_after_another_signal():
    order = []

    async def main():
        asyncio.get_running_loop().call_soon(send, signal.SIGTERM)
        try:
            await forever()
        finally:
            for _ in range(2):
                ctrl_c()
                await asyncio.sleep(0)
            await forever()
            order.append("not reached")

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(main())
    assert order == []


def test_a_signal_unwinds_what_has_no_loop():
    undone = []
    with pytest.raises(SystemExit) as raised, signals_end():
        try:
            send(signal.SIGTERM)
        finally:
            undone.append(1)
    assert (raised.value.code, undone) == (143, [1])


@pytest.fixture(autouse=True)
def meanings():
    """A program that a signal has ended ignores others, and the tests go on."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, meant in before.items():
        signal.signal(number, meant)


def test_a_program_that_no_signal_ended_leaves_their_meanings():
    with signals_end():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_cut_the_end_short(number):
    undone = []
    with pytest.raises(SystemExit) as raised, signals_end():
        try:
            send(signal.SIGTERM)
        finally:
            send(number)
            undone.append(1)
    send(number)  # up to the process's end
    assert (raised.value.code, undone) == (143, [1])


@both
@pytest.mark.usefixtures("runner")
def test_a_second_signal_does_not_cut_a_loops_end_short(monkeypatch):
    """It comes once `main` has ended, while the loop that ran it ends, too."""
    closed = []
    close = asyncio.BaseEventLoop.close

    def interrupted(loop):
        send(signal.SIGTERM)
        close(loop)
        closed.append(1)

    async def main():
        send(signal.SIGHUP)
        await forever()

    monkeypatch.setattr(asyncio.BaseEventLoop, "close", interrupted)
    with pytest.raises(SystemExit) as raised, signals_end():
        run(main())
    assert (raised.value.code, closed) == (129, [1])


@both
@pytest.mark.usefixtures("runner")
def test_within_it_a_loop_ends_first():
    order = []

    async def main():
        asyncio.get_running_loop().call_soon(send, signal.SIGHUP)
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            order.append("closed")

    with pytest.raises(SystemExit), signals_end():
        run(main())
    assert order == ["closed"]


@both
@pytest.mark.usefixtures("runner")
def test_a_signal_that_is_ignored_stays_so():
    """`nohup` ignores SIGHUP for the program that it starts."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def main():
        send(signal.SIGHUP)
        await asyncio.sleep(0)
        return "done"

    try:
        with signals_end():
            assert run(main()) == "done"
    finally:
        signal.signal(signal.SIGHUP, before)


@both
@pytest.mark.usefixtures("runner")
def test_a_program_that_is_cancelled_otherwise_was_not_interrupted():
    async def main():
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(main())


@both
@pytest.mark.usefixtures("runner")
def test_a_program_with_a_meaning_of_its_own_for_ctrl_c_keeps_it():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))

    async def main():
        ctrl_c()
        await asyncio.sleep(0)
        return "done"

    try:
        assert run(main()) == "done"
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [1]


@both
@pytest.mark.usefixtures("runner")
def test_a_thread_runs_programs_too():
    results = []

    async def main():
        return threading.current_thread()

    thread = threading.Thread(target=lambda: results.append(run(main())))
    thread.start()
    thread.join()
    assert results == [thread]
