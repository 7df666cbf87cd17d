"""A UART as the byte port of a serial line."""


class UartPort:
    """`machine.UART` as a byte port. Make it with `timeout=0`, and with
    `rxbuf=dsoftbus.line.line_link.unread_max(profile)`: what comes beyond while the program is
    busy is lost, and sent again."""

    def __init__(self, uart):
        self.waits_for = uart
        self._uart = uart

    def readinto(self, view):
        """Reads what has come, at most `len(view)` bytes; returns how many, None for none."""
        n = self._uart.any()
        return self._uart.readinto(view, min(n, len(view))) if n else None

    def write(self, buffer, at: int, stop: int):
        """Writes `buffer[at:stop]`; returns how many bytes the UART took, None for none."""
        return self._uart.write(memoryview(buffer)[at:stop])

    def close(self) -> None:
        """Turns the UART off."""
        self._uart.deinit()
