"""pyboard 1.1: the least node, over its USB cable or a UART.

`config.json` says what the node is; `app.py`, if it is there, is your own program: its
`on_event(session, event)` gets the core's events.
"""

import os

if "dsoftbus.slots.1" in os.listdir():  # updates over the air have begun (docs/updates.md)
    __import__("dsoftbus_boot").run()  # which decides what version runs

from dsoftbus_mpy import board_minimal

board_minimal.run()
