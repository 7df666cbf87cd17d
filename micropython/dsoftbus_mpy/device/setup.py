"""The beginning of every board's node: config.json, and the byte port of its line."""

import sys
import time

import dsoftbus_profile as hardware
from dsoftbus.errors import Unsupported

KEY = "dsoftbus.key"
_COMPLAIN_S = 5


def settings() -> dict:
    """Returns the settings of config.json. Its faults are printed again and again, so that a user
    who looks later sees them; Ctrl-C leads to the REPL."""
    from dsoftbus_mpy.device.config import MODULE, read

    found, wrong = read()
    while wrong:
        for line in wrong:
            print(line)
        print("fix it by `dsoftbus board config PORT NAME=VALUE`, or from the REPL (Ctrl-C)")
        time.sleep(_COMPLAIN_S)
        found, wrong = read()
    _forget(MODULE)
    return found


def _forget(module: str) -> None:
    """Lets go of a module that is needed no more, and of the heap that its code takes."""
    dot = module.rfind(".")
    del sys.modules[module]
    if dot > 0:
        delattr(sys.modules[module[:dot]], module[dot + 1 :])


def byte_port(found):
    """The port of the line that these settings name. Raises Unsupported, ValueError."""
    if found["serial"] == "uart":
        from dsoftbus_mpy.uart_port import UartPort  # only who has such a line pays for it

        port = UartPort(_uart(found["uart"], found["baud"]))
        print("line on a UART,", found["baud"], "baud")
        return port
    print("line on the console: two Ctrl-C give it back, sixteen during a session")
    from dsoftbus_mpy.console_port import ConsolePort

    return ConsolePort()


def _uart(pins, baud: int):
    """`pins`: [id, tx, rx], None for the board's own."""
    from dsoftbus.line.line_link import unread_max
    from dsoftbus_mpy.capabilities import machine, uart

    make, pins = uart(), pins or hardware.UART
    if not pins:
        raise Unsupported('a UART: config.json names none, "uart": [id, tx, rx]')
    number, tx, rx = pins
    pin = machine("Pin", "pins")
    named = {} if tx is None else {"tx": pin(tx), "rx": pin(rx)}
    rxbuf = unread_max(hardware.PROFILE)
    return make(number, baud, timeout=0, rxbuf=rxbuf, **named)


def text(error) -> str:
    """Returns the fault in words, without the labels, which a board need not hold."""
    return error.detail or repr(error)
