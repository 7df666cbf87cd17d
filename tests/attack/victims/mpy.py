"""A MicroPython node as a victim, on the unix port: `mpy.py bus CLOCK FILE` for a program with the
options in a file, or `mpy.py command CLOCK WORDS...` for a whole command; its wall clock is wrong
by CLOCK s. Its first line says where it answers: `control PORT`.
"""

import sys

_HERE = __file__.rsplit("/", 1)[0]
sys.path[:0] = [_HERE, _HERE + "/../../core"]

import time  # noqa: E402 - the roots must be known first

import instruments as instruments_module  # noqa: E402

counts = instruments_module.Instruments()
sys.modules["time"] = counts.lying_time(time)  # before the product asks for it

import asyncio  # noqa: E402
import json  # noqa: E402
from binascii import unhexlify  # noqa: E402

from program import Program  # noqa: E402

from dsoftbus_aio.echo import serve_echo  # noqa: E402
from dsoftbus_aio.housekeeping import Housekeeping  # noqa: E402
from dsoftbus_aio.reconnecting_session import ReconnectingSession  # noqa: E402
from dsoftbus_mpy import crypto, entropy, key_file, profiles  # noqa: E402
from dsoftbus_mpy.bare_bus import ANYONE, BareBus  # noqa: E402
from dsoftbus_mpy.device import next_key_file  # noqa: E402
from dsoftbus_mpy.links import tcp  # noqa: E402
from dsoftbus_mpy.runtime import ready  # noqa: E402
from dsoftbus_mpy.trust_file import StoreFile  # noqa: E402


class Backend:
    """The difference between the backends, for `Program`."""

    Bus = BareBus
    ReconnectingSession = ReconnectingSession
    random = staticmethod(entropy.source())

    @staticmethod
    def secret(options: dict) -> bytes:
        if "key_path" in options:
            return key_file.load_or_make(options["key_path"], entropy.source())
        return unhexlify(options["key"])

    @staticmethod
    def access(allow, psk, guard) -> dict:
        """The arguments of `BareBus` that say who is let in."""
        more = {"psk": psk, "guard": guard, "profile": profiles.fitting()}
        if allow == "anyone":
            more["allow"] = ANYONE
        elif allow:
            more["allow"] = [unhexlify(key) for key in allow]
        return more

    @staticmethod
    def store_file(path: str, profile) -> StoreFile:
        return StoreFile(path, profile or profiles.fitting())

    @staticmethod
    def serve_files(bus, folder: str) -> None:
        bus.share(folder)
        serve_echo(bus)

    @staticmethod
    def watch(bus, on_event, file, key_path):
        change = next_key_file.KeyChange(bus, key_path) if key_path is not None else None
        housekeeping = Housekeeping(bus, on_event, file, change)
        housekeeping.start()
        return housekeeping

    @staticmethod
    def plan(key_path: str, grace_s: int) -> None:
        next_key_file.plan(key_path, grace_s, entropy.source())

    @staticmethod
    def now_ms(bus) -> int:
        return bus.now()


def main(kind: str, clock_s: int, words: list) -> int:
    counts.clock_s = clock_s
    port, control = tcp.bind("127.0.0.1", 0, False)
    print("control", port)
    loops = []

    async def answer() -> None:
        while True:
            await ready(control)
            request, asker = control.recvfrom(65536)
            control.sendto(counts.answer(request), asker)

    def start(_counts) -> None:
        loops.append(asyncio.create_task(answer()))

    counts.install(BareBus, crypto, start)
    if kind == "bus":
        asyncio.run(Program(Backend, counts, options_in(words[0])).run())
        return 0
    from dsoftbus_mpy.__main__ import main as command

    return command(words)


def options_in(path: str) -> dict:
    with open(path) as file:
        return json.load(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
