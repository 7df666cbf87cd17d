"""Raspberry Pi Pico: a node over its USB cable, or a UART.

`config.json` says what the node is; `app.py`, if it is there, is your own program: its
`async def main(bus)` runs beside the node.
"""

from dsoftbus_mpy import board

board.run()
