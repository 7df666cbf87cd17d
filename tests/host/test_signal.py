"""Signals of the host's runtime: who waits goes on once, soon, and never in place of the loop."""

import asyncio
import socket

import pytest

from dsoftbus_host.runtime import Runtime


def run(test):
    """Runs `test(runtime, went)`, where `went` is for what has happened, in order."""

    async def main():
        raised = []
        await asyncio.wait_for(test(Runtime(raised.append), []), 10)
        assert raised == []

    asyncio.run(main())


async def waits(signal, went, name="woken"):
    try:
        await signal.change()
        went.append(name)
    except asyncio.CancelledError:
        went.append("cancelled")
        raise


async def turns(n=3):
    for _ in range(n):
        await asyncio.sleep(0)


class Heard:
    """A watch on a socket that can be read; `on_readable` is called with it."""

    def __init__(self, runtime, on_readable):
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self._on_readable = on_readable
        self._watch = runtime.watch(self.near.fileno(), self._read)
        self.far.send(b"x")

    def _read(self):
        self.near.recv(1)
        self._on_readable()

    def close(self):
        self._watch.close()
        self.near.close()
        self.far.close()


def test_a_task_that_input_wakes_goes_on_before_anything_else_of_the_loop():
    async def test(runtime, went):
        signal = runtime.signal()
        task = runtime.spawn(waits(signal, went))
        await turns()

        def on_readable():
            asyncio.get_running_loop().call_soon(went.append, "loop")
            signal.set()
            went.append("taken")  # the input is taken first

        heard = Heard(runtime, on_readable)
        await task
        await turns()
        assert went == ["taken", "woken", "loop"]
        heard.close()

    run(test)


def test_a_task_that_another_one_wakes_goes_on_after_it():
    async def test(runtime, went):
        signal = runtime.signal()
        runtime.spawn(waits(signal, went))
        await turns()
        signal.set()
        signal.set()
        went.append("here")
        await turns()
        assert went == ["here", "woken"]

    run(test)


def test_everyone_who_waits_goes_on_and_nobody_else():
    async def test(runtime, went):
        signal = runtime.signal()
        signal.set()  # nobody waits, so it leaves no trace
        tasks = [runtime.spawn(waits(signal, went, n)) for n in range(3)]
        await turns()
        tasks[1].cancel()
        await turns()
        assert went == ["cancelled"]
        signal.set()
        late = runtime.spawn(waits(signal, went, "late"))
        await turns()
        assert sorted(went[1:]) == [0, 2] and not late.done()

    run(test)


def test_a_change_before_the_await_is_not_waited_for():
    async def test(runtime, went):
        signal = runtime.signal()
        change = signal.change()
        signal.set()
        await change

    run(test)


@pytest.mark.parametrize("first", ["set", "cancel"])
def test_a_task_that_is_woken_and_cancelled_in_one_turn_is_cancelled(first):
    async def test(runtime, went):
        signal = runtime.signal()
        task = runtime.spawn(waits(signal, went))
        await turns()
        for act in (signal.set, task.cancel) if first == "set" else (task.cancel, signal.set):
            act()
        await turns()
        assert task.cancelled() and went == ["cancelled"]
        again = runtime.spawn(waits(signal, went))
        await turns()
        signal.set()
        await again

    run(test)


def test_tasks_that_wake_each_other_leave_the_loop_its_turns():
    async def test(runtime, went):
        signals = [runtime.signal(), runtime.signal()]

        async def plays(mine, other):
            while len(went) < 3:
                other.set()
                await mine.change()

        tasks = [runtime.spawn(plays(*signals)), runtime.spawn(plays(*signals[::-1]))]
        heard = Heard(runtime, signals[0].set)
        for _ in range(3):
            await asyncio.sleep(0.001)
            went.append("timer")
        for task in tasks:
            task.cancel()
        await turns()
        heard.close()

    run(test)


def test_an_interrupt_of_one_task_leaves_the_others_to_the_loop():
    class Interrupt(SystemExit):
        pass

    went = []

    async def main():
        runtime = Runtime(went.append)
        signal = runtime.signal()

        async def ends():
            await signal.change()
            raise Interrupt

        runtime.spawn(waits(signal, went))
        await turns()
        runtime.spawn(ends())
        await turns()
        heard = Heard(runtime, signal.set)
        try:
            await asyncio.sleep(5)
        finally:
            heard.close()

    with pytest.raises(Interrupt):
        asyncio.run(main())
    assert went in (["woken"], ["cancelled"])
