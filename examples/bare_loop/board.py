"""A board without asyncio that dials the hub and says its temperature.

settings.py beside it says where the hub is and who:

    HOST, PORT = "192.168.1.20", 37021
    HUB = bytes.fromhex("...")      # its public key, as hub.py prints it
"""

from settings import HOST, HUB, PORT

from dsoftbus.const import EV_CLOSED, EV_ESTABLISHED
from dsoftbus_mpy import Loop, entropy, key_file, node

ended = []


def on_event(session, event):
    """Handles the core's events of a session and its streams."""
    if event.kind == EV_ESTABLISHED:
        stream = session.open("temperature")
        stream.send(b"21.5")  # takes it on loan: here a buffer that nobody changes
        stream.finish()
        session.close(loop.now())  # in order: what was said is delivered first
    elif event.kind == EV_CLOSED:
        ended.append(event.code)


key = key_file.load_or_make("dsoftbus.key", entropy.source())
loop = Loop(node.make(key, "sensor"), on_event)
print("key", loop.node.public.hex())
loop.connect(HOST, PORT, HUB)
while not ended:
    loop.run_once(1000)  # ms, at most: here is where the board does what else it has to do
loop.close()
print("ended with code", ended[0])
