"""What the nodes of boards begin with: config.json, and the byte port of their line."""

import sys
import time

import dsoftbus_profile as hardware
from dsoftbus.errors import Unsupported

KEY = "dsoftbus.key"
_COMPLAIN_S = 5
_RX_BYTES = 512  # of a UART: 44 ms at 115200 baud


def settings() -> dict:
    """What config.json says. What is wrong with it is said again and again, so that whoever comes
    to look sees it; Ctrl-C leads to the REPL."""
    from dsoftbus_mpy.config import MODULE, read

    found, wrong = read()
    while wrong:
        for line in wrong:
            print(line)
        print("mend it by `dsoftbus board config PORT NAME=VALUE`, or from the REPL (Ctrl-C)")
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
    print("line on the console: sixteen Ctrl-C give it back")
    from dsoftbus_mpy.console_port import ConsolePort

    return ConsolePort()


def _uart(pins, baud: int):
    """`pins`: [id, tx, rx], None for the board's own."""
    from dsoftbus_mpy.needs import machine, uart

    make, pins = uart(), pins or hardware.UART
    if not pins:
        raise Unsupported('a UART: config.json names none, "uart": [id, tx, rx]')
    number, tx, rx = pins
    pin = machine("Pin", "pins")
    named = {} if tx is None else {"tx": pin(tx), "rx": pin(rx)}
    return make(number, baud, timeout=0, rxbuf=_RX_BYTES, **named)


def text(error) -> str:
    """What is wrong, without the labels, which a board need not hold."""
    return error.detail or repr(error)
