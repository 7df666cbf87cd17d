"""A light: on the board, beside its node, by `dsoftbus board put PORT app.py`.

The call `light` switches it, for those who may; the topic of the same name says what it is.
"""

from machine import Pin

import dsoftbus_profile

led = Pin(dsoftbus_profile.LED, Pin.OUT)


async def main(bus):
    def switch(caller, on):
        led.value(on)
        bus.publish("light", on)
        print("light switched by", caller.peer_id)
        return on

    bus.call("light")(switch)
    bus.topic("light", about="the light of this board", shape="true or false")
    bus.publish("light", False)
