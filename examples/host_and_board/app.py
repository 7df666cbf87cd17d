"""A light: on the board, beside its node, by `dsoftbus board put PORT app.py`.

`main(bus)` runs as a task of the board's node, which has its key, its links and its trust store.
"""

from machine import Pin

import dsoftbus_profile

led = Pin(dsoftbus_profile.LED, Pin.OUT)


async def switch(session, stream):
    """The stream `light` brings "on" or "off"; the answer is what the light is then."""
    led.value(await stream.read() == b"on")
    print("light switched by", session.peer_id)
    await stream.write(b"on" if led.value() else b"off")


async def main(bus):
    bus.on_stream("light", switch)
