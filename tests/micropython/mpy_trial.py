"""A version on trial: what resets the board, and what ends that."""

import sys

from dsoftbus_mpy.device import dsoftbus_boot as boot
from dsoftbus_mpy.device import trial
from dsoftbus_mpy.services.update_place import UpdatePlace

SETTINGS = {"watchdog_ms": 0}


class Machine:
    """The module `machine` of a board; `numbers` are those that its timers may have."""

    def __init__(self, numbers):
        self.resets = 0
        self.timers = []
        self.dogs = []
        machine = self

        class Timer:
            ONE_SHOT = 0

            def __init__(self, number):
                if number not in numbers:
                    raise ValueError("no such timer")
                self.number = number
                machine.timers.append(self)

            def init(self, mode, period, callback):
                self.period, self.callback = period, callback

            def deinit(self):
                machine.timers.remove(self)

        class WDT:
            def __init__(self, timeout):
                machine.dogs.append(timeout)

            def feed(self):
                pass

        self.Timer = Timer
        self.WDT = WDT

    def reset(self):
        self.resets += 1


class Bus:
    """A bus, as far as a trial asks it."""

    closed = False

    def __init__(self):
        self.spawned = []
        self.driven = []

    def spawn(self, coroutine):
        self.spawned.append(coroutine)
        coroutine.close()

    def drive(self, step):
        self.driven.append(step)


def on_trial(numbers) -> tuple:
    """(machine, bus) of a board whose version is on trial for 60 s."""
    machine, bus = Machine(numbers), Bus()
    sys.modules["machine"] = machine
    sys.modules["dsoftbus_boot"] = boot
    boot.trial[:] = [60, boot._timer(60)]
    return machine, bus


def over():
    boot.trial.clear()
    for name in ("machine", "dsoftbus_boot"):
        sys.modules.pop(name, None)


def test_a_timer_of_the_hardware_resets_the_board_and_a_confirmation_stops_it():
    for numbers in ((-1, 0), (0, 1, 2, 3)):  # a port with timers of software, and one without
        machine, bus = on_trial(numbers)
        try:
            (timer,) = machine.timers
            assert (timer.number, timer.period) == (numbers[0], 60000)
            trial.watch(bus, SETTINGS)
            assert not bus.spawned and machine.dogs == [8000]
            timer.callback(timer)
            assert machine.resets == 1
            UpdatePlace().end_trial()
            assert not machine.timers and not boot.trial and "dsoftbus_boot" not in sys.modules
        finally:
            over()


def test_without_such_a_timer_the_node_does_it():
    machine, bus = on_trial(())
    try:
        assert boot.trial == [60, None]
        trial.watch(bus, {"watchdog_ms": 4000})
        assert len(bus.spawned) == 1 and machine.dogs == [4000]
        UpdatePlace().end_trial()
        assert not boot.trial
    finally:
        over()


def test_a_board_resets_itself_or_ends_its_program():
    machine, _ = on_trial((0,))
    try:
        UpdatePlace().reset()
        assert machine.resets == 1
        sys.modules["machine"] = object()
        try:
            UpdatePlace().reset()
        except SystemExit:
            pass
        else:
            raise AssertionError("it goes on")
    finally:
        over()
