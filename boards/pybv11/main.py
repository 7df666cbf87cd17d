"""pyboard 1.1: the least node, over its USB cable or a UART.

`config.json` says what the node is; `app.py`, if it is there, is your own program: its
`on_event(session, event)` gets the core's events.
"""

__import__("dsoftbus_boot").run()  # which version runs (docs/updates.md)

from dsoftbus_mpy import board_minimal  # noqa: E402 - out of that version

board_minimal.run()
