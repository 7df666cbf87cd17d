"""A UART as the byte port of a serial line."""


class UartPort:
    """`machine.UART` as a byte port. Make it with `timeout=0`, and `rxbuf` of 512 or more."""

    def __init__(self, uart):
        self.waits_for = uart
        self._uart = uart

    def readinto(self, view):
        n = self._uart.any()
        return self._uart.readinto(view, min(n, len(view))) if n else None

    def write(self, buffer, at: int, stop: int):
        return self._uart.write(memoryview(buffer)[at:stop])

    def close(self) -> None:
        self._uart.deinit()
