"""A board's module `machine`, for the examples: a pin and an RTC whose state are files, a sensor,
a clock."""

import sys


class Pin:
    OUT = 1

    def __init__(self, number, mode):
        self._on = 0

    def value(self, on=None):
        if on is not None:
            self._on = int(on)
            with open("pin", "w") as file:
                file.write(str(self._on))
        return self._on


class ADC:
    """Measures 0.705 V."""

    def __init__(self, channel):
        self.channel = channel

    def read_u16(self):
        return 14000


class RTC:
    """Writes down what it is set to."""

    def datetime(self, fields):
        with open("clock", "w") as file:
            file.write("{}-{:02}-{:02} {} {:02}:{:02}:{:02} {}".format(*fields))

    def memory(self, *data):
        """Outlives a deep sleep, as a file here; what is gone is empty."""
        if data:
            with open("rtc", "wb") as file:
                file.write(data[0])
            return None
        try:
            with open("rtc", "rb") as file:
                return file.read()
        except OSError:
            return b""


def deepsleep(ms):
    """The board starts anew after such a sleep; here whoever runs it starts it."""
    print("sleeps for", ms)
    sys.exit(0)
