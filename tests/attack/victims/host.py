"""A host node as a victim: `host.py bus CLOCK FILE` for a program with the options in a file, or
`host.py command CLOCK WORDS...` for a whole command; its wall clock is wrong by CLOCK s. Its first
line says where it answers, and which process it is: `control PORT PID`.
"""

import asyncio
import json
import os
import socket
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "core")]

import instruments as instruments_module  # noqa: E402 - the roots must be known first
from program import Program  # noqa: E402

from dsoftbus.const import HOST  # noqa: E402
from dsoftbus_aio.reconnecting_session import ReconnectingSession  # noqa: E402
from dsoftbus_host import crypto, files, key_file  # noqa: E402
from dsoftbus_host.bare_bus import ANYONE, BareBus  # noqa: E402
from dsoftbus_host.clock import now_ms as host_now_ms  # noqa: E402
from dsoftbus_host.storage.trust_file import StoreFile  # noqa: E402
from dsoftbus_host.upkeep import next_key  # noqa: E402
from dsoftbus_host.upkeep.file_watch import FileWatch  # noqa: E402


class Backend:
    """The difference between the backends, for `Program`."""

    Bus = BareBus
    ReconnectingSession = ReconnectingSession
    random = staticmethod(os.urandom)

    @staticmethod
    def secret(options: dict) -> bytes:
        if "key_path" in options:
            return key_file.load_or_make(Path(options["key_path"]))
        return bytes.fromhex(options["key"])

    @staticmethod
    def access(allow, psk, guard) -> dict:
        """The arguments of `BareBus` that say who is let in."""
        more = {"psk": psk, "guard": guard}
        if allow == "anyone":
            more["allow"] = ANYONE
        elif allow:
            more["allow"] = [bytes.fromhex(key) for key in allow]
        return more

    @staticmethod
    def store_file(path: str, profile) -> StoreFile:
        return StoreFile(Path(path), profile or HOST)

    @staticmethod
    def serve_files(bus: BareBus, folder: str) -> None:
        bus.share(Path(folder))
        files.serve_echo(bus)

    @staticmethod
    def watch(bus: BareBus, on_event, file: StoreFile, key_path) -> FileWatch:
        watch = FileWatch(bus, on_event, file, Path(key_path) if key_path else None)
        watch.start()
        return watch

    @staticmethod
    def plan(key_path: str, grace_s: int) -> None:
        next_key.plan(Path(key_path), grace_s)

    @staticmethod
    def now_ms(_bus: BareBus) -> int:
        return host_now_ms()


def main(kind: str, clock_s: int, words: list) -> None:
    counts = instruments_module.Instruments()
    counts.clock_s = clock_s
    time.time = counts.lying_time(time_as_it_is()).time
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    control.bind(("127.0.0.1", 0))
    print("control", control.getsockname()[1], os.getpid())

    def answer() -> None:
        request, asker = control.recvfrom(65536)
        control.sendto(counts.answer(request), asker)

    def start(_counts) -> None:
        asyncio.get_running_loop().add_reader(control.fileno(), answer)

    counts.install(BareBus, crypto, start)
    if kind == "bus":
        asyncio.run(Program(Backend, counts, options_in(words[0])).run())
    else:
        from dsoftbus_host.cli.command import main as command

        command(words)


def time_as_it_is() -> object:
    """The module `time` with the functions that it has now."""
    return type("Time", (), {"time": staticmethod(time.time)})


def options_in(path: str) -> dict:
    with open(path) as file:
        return json.load(file)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
