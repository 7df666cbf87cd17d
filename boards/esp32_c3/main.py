"""ESP32-C3: a node over its USB cable and over Wi-Fi.

`config.json` says what the node is; `app.py`, if it is there, is your own program: its
`async def main(bus)` runs beside the node.
"""

import os

if "dsoftbus.slots.1" in os.listdir():  # updates over the air have begun (docs/updates.md)
    __import__("dsoftbus_boot").run()  # which decides what version runs

from dsoftbus_mpy import board

board.run()
