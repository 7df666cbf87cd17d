"""A board without asyncio that a hub may call, and that publishes its temperature.

settings.py beside it says where the hub is and who:

    HOST, PORT = "192.168.1.20", 37021
    HUB = bytes.fromhex("...")      # its public key, as hub.py prints it
"""

from settings import HOST, HUB, PORT

from dsoftbus.const import EV_CLOSED
from dsoftbus_mpy import Answers, Loop, Publications, entropy, key_file, node

ended = []
board = node.make(key_file.load_or_make("dsoftbus.key", entropy.source()), "light")
answers = Answers()
topics = Publications(board)


@answers.call("light/set")
def light(session, on):
    """Switches the board's light: here is where a pin gets its value."""
    return "on" if on else "off"


def on_event(session, event):
    """Handles what is of no service: the end of the session."""
    if answers.on_event(session, event) or topics.on_event(session, event):
        return
    if event.kind == EV_CLOSED:
        ended.append(event.code)


loop = Loop(board, on_event)
print("key", board.public.hex())
loop.connect(HOST, PORT, HUB)
while not ended:
    topics.publish("temperature", 21.5)
    loop.run_once(1000)  # ms, at most
loop.close()
print("ended with code", ended[0])
