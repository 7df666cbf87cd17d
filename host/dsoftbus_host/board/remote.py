"""A board at the end of a cable, by the `mpremote` package."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from dsoftbus.errors import BAD_STATE, LocalError, Unsupported

# A node that owns the console gives it back for these (dsoftbus_mpy.serial): no frame has them.
BREAK = b"\x03" * 16
# `sys.implementation._mpy >> 10` on a board, as MicroPython numbers them.
ARCHITECTURES = (
    *("", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp"),
    *("xtensa", "xtensawin", "rv32imc"),
)
MPY_VERSION = 6
READ_SECONDS = 0.2
ATTEMPTS = 3  # each gives up after ten seconds


class Remote:
    """The files and the REPL of one board. Its programs do not run meanwhile."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def run(self, program: str) -> str:
        """Runs `program` on the board; what it prints. Raises LocalError with its traceback."""
        try:
            return bytes(self._transport.exec(program)).decode()
        except _errors() as error:
            raise LocalError(BAD_STATE, f"the board says: {error}") from None

    def ask(self, expression: str) -> Any:
        return self._transport.eval(expression)

    @property
    def architecture(self) -> str:
        """As `mpy-cross -march` names it; "" where the board runs bytecode only."""
        self.run("import sys")
        number = int(self.ask("getattr(sys.implementation, '_mpy', 0)"))
        if number & 0xFF != MPY_VERSION:
            raise Unsupported(f"mpy version {number & 0xFF} of this board: use --source")
        index = number >> 10 & 0xF
        return ARCHITECTURES[index] if index < len(ARCHITECTURES) else ""

    def write(self, path: str, data: bytes) -> None:
        """Puts `data` at `path` in one step: by another name, verified, and renamed."""
        new = path + ".new"
        self._transport.fs_writefile(new, data)
        self.run(f"import os\nos.rename({new!r}, {path!r})")

    def remove(self, path: str) -> None:
        self.run(f"import os\nos.remove({path!r})")

    def read_text(self) -> str:
        """What the board has printed since; waits for a moment where it is nothing."""
        port = self._transport.serial
        port.timeout = READ_SECONDS
        data: bytes = port.read(port.in_waiting or 1)
        return data.decode(errors="replace")

    def reset(self) -> None:
        """A soft reset: the board's own programs run again."""
        self._transport.exit_raw_repl()
        self._transport.serial.write(b"\x04")


@contextlib.contextmanager
def connected(port: str) -> Iterator[Remote]:
    """The board at `port`, at its raw REPL after a soft reset."""
    try:
        from mpremote.transport_serial import SerialTransport
    except ImportError:
        raise Unsupported("mpremote: pip install 'dsoftbus[board]'") from None
    try:
        transport = SerialTransport(port)
    except _errors() as error:
        raise LocalError(BAD_STATE, f"{port}: {error}") from None
    try:
        _enter_raw_repl(transport)
        yield Remote(transport)
    except _errors() as error:
        raise LocalError(BAD_STATE, f"{port}: {error}") from None
    finally:
        transport.close()


def _enter_raw_repl(transport: Any) -> None:
    """Interrupts what runs and asks for a fresh raw REPL; a board that is just starting may miss
    the first call."""
    # Without it a read on a pseudo-terminal waits for ever, and mpremote's own bounds never hold.
    transport.serial.timeout = READ_SECONDS
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(*_errors()):
            transport.serial.write(BREAK)
            transport.enter_raw_repl(soft_reset=True)
            return
    transport.serial.write(BREAK)
    transport.enter_raw_repl(soft_reset=True)


def _errors() -> tuple[type[Exception], ...]:
    from mpremote.transport import TransportError

    return (TransportError,)
