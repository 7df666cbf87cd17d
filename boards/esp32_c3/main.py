"""ESP32-C3: a node over its USB cable and over Wi-Fi.

`config.json` says what the node is; `app.py`, if it is there, is your own program: its
`async def main(bus)` runs beside the node.
"""

__import__("dsoftbus_boot").run()  # which version runs (docs/updates.md)

from dsoftbus_mpy import board  # noqa: E402 - out of that version

board.run()
