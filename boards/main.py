"""A node on a board: what `config.json` says, over the cable and over Wi-Fi.

{"name": "sensor", "serial": "console", "wifi": ["network", "password"], "port": 37020}

Without "wifi" there is the cable only; with "serial": "" the console stays the REPL's.
"""

import asyncio
import json

from dsoftbus_profile import PROFILE

from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard
from dsoftbus_mpy import entropy, files, keyfile
from dsoftbus_mpy.bus import Bus
from dsoftbus_mpy.storefile import StoreFile
from dsoftbus_mpy.watch import Watch


def read_config() -> dict:
    with open("config.json") as file:
        return json.load(file)


async def main() -> None:
    config = read_config()
    random = entropy.source()
    trust = StoreFile("trust.json", PROFILE)
    guard = Guard(trust.store, random, None, [grant("allow both *")])
    key = keyfile.load_or_make("dsoftbus.key", random)
    bus = Bus(key, config.get("name", "board"), PROFILE, guard=guard)
    Watch(bus, lambda event: None, trust)
    files.serve_echo(bus)
    files.FileService(bus, ".")
    if config.get("serial", "console") == "console":
        from dsoftbus_mpy.byte_ports import ConsolePort

        print("dsoftbus", bus.id)
        bus.open_serial(ConsolePort())
    if "wifi" in config:
        await bus.listen("0.0.0.0", config.get("port", 37020))
    await asyncio.Event().wait()


asyncio.run(main())
