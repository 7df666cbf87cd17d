"""A board's module `machine`, for the examples: a pin whose state is a file, a sensor, a clock."""


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
