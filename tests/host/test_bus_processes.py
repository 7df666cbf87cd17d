"""Two programs on two nodes that the commands have paired: one is killed, starts again elsewhere,
and its stream comes back. Real processes, on loopback."""

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

from command import quick_command
from free_ports import free_port
from portable import PYTHON_PATH, TIMEOUT_S

SENSOR = """
import asyncio
from dsoftbus_host import Bus, run

async def count(session, stream):
    n = 0
    while True:
        await stream.write(b"%d\\n" % n)
        await asyncio.sleep(0.05)
        n += 1

async def main():
    async with Bus("sensor") as bus:
        bus.on_stream("count", count)
        print("listening", bus.port, flush=True)
        await asyncio.Event().wait()

run(main())
"""
DESK = """
import asyncio
from dsoftbus_host import Bus, run

async def show(session, stream):
    async for chunk in stream:
        print("heard", session.session.route[2], flush=True)

async def main():
    async with Bus("desk", listen=False) as bus, bus.peer("sensor") as sensor:
        sensor.keep("count", show)
        while True:
            await asyncio.sleep(0.05)
            if sensor.why is not None:
                print("gone", sensor.why.label, flush=True)

run(main())
"""


class Home:
    """A user with a home, and so with a node of its own: on loopback, as the settings say."""

    def __init__(self, folder: Path, port: int) -> None:
        self._environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": PYTHON_PATH}
        self._environment["XDG_CONFIG_HOME"] = str(folder)
        settings = {"host": "127.0.0.1", "interfaces": ["127.0.0.1/8"], "discovery": port}
        (folder / "dsoftbus").mkdir(parents=True)
        (folder / "dsoftbus/config.json").write_text(json.dumps(settings))

    def command(self, *words: str) -> "Running":
        return Running([*quick_command(), *words], self._environment)

    def program(self, text: str) -> "Running":
        return Running([sys.executable, "-W", "error", "-c", text], self._environment)


class Running:
    """A process that is killed at the end, if it runs until then."""

    def __init__(self, command: list, environment: dict) -> None:
        self._command = command
        self._environment = environment

    async def __aenter__(self) -> "Running":
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            *self._command, env=self._environment, stdin=pipe, stdout=pipe
        )
        return self

    async def __aexit__(self, *_) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def until(self, *words: str) -> list:
        """The words of the next line that begins with these."""
        while True:
            line = (await self.process.stdout.readline()).decode()
            assert line, words
            if line.startswith(" ".join(words)):
                return line.split()


async def pair(one: Home, other: Home) -> None:
    """By an invitation, as people do it with two commands."""
    async with one.command("pair", "--token", "--grant", "allow both *") as inviting:
        invitation = (await inviting.until("dsoftbus:"))[0]
        async with other.command("pair", "-", "--grant", "allow both *") as invited:
            invited.process.stdin.write(invitation.encode() + b"\n")
            assert await invited.process.wait() == 0
        assert await inviting.process.wait() == 0


def test_a_stream_comes_back_when_its_program_was_killed_and_starts_elsewhere(tmp_path):
    async def story():
        port = free_port()
        garden, desk = Home(tmp_path / "garden", port), Home(tmp_path / "desk", port)
        await pair(garden, desk)
        async with desk.program(DESK) as watching:
            async with garden.program(SENSOR) as sensor:
                first = (await sensor.until("listening"))[1]
                await watching.until("heard", first)
            await watching.until("gone", "session.end.link_down")  # killed, without a goodbye
            async with garden.program(SENSOR) as sensor:
                second = (await sensor.until("listening"))[1]
                assert second != first
                await watching.until("heard", second)

    asyncio.run(asyncio.wait_for(story(), TIMEOUT_S))
