"""A program of a user with a `Bus`, as a victim: it serves files and an echo, under the options
that it is given.

| option | means |
|---|---|
| `key` | its secret in hexadecimal, or `key_path`: the file that has it |
| `allow` | `"anyone"`, a list of public keys in hexadecimal, or absent: nothing was said |
| `psk` | the token that its peers must have, in hexadecimal |
| `trust` | the file of its trust store: its guard decides |
| `grants` | what a peer gets that pairs |
| `folder` | what it serves |
| `profile` | a name of `dsoftbus.const`, or absent: the backend's default |
| `link`, `host`, `name` | as of `Bus.listen` and `Bus` |

Runs on CPython and on MicroPython.
"""

import asyncio
from binascii import unhexlify

from dsoftbus import const
from dsoftbus.errors import BusError
from dsoftbus.trust.acl import grant
from dsoftbus.trust.guard import Guard


class Program:
    """`backend` is the `Backend` of `host` or `mpy` beside this module."""

    def __init__(self, backend, instruments, options: dict):
        self.backend = backend
        self.instruments = instruments
        self.options = options
        self.bus = None
        self.guard = None
        self._tasks = []

    def make_bus(self):
        options = self.options
        profile = getattr(const, options["profile"]) if "profile" in options else None
        psk = unhexlify(options["psk"]) if "psk" in options else None
        more = self.backend.access(options.get("allow"), psk, self._guard(profile))
        if profile is not None:
            more["profile"] = profile
        bus = self.backend.Bus(self.backend.secret(options), options.get("name", ""), **more)
        bus.on_error = self._on_error
        return bus

    def _guard(self, profile):
        if "trust" not in self.options:
            return None
        self.file = self.backend.store_file(self.options["trust"], profile)
        grants = [grant(text) for text in self.options.get("grants", ())]
        self.guard = Guard(self.file.store, self.backend.random, None, grants)
        return self.guard

    def _on_error(self, error) -> None:
        self.instruments.errors.append("%s: %s" % (type(error).__name__, error))

    def _on_event(self, event) -> None:
        self.instruments.events.append("%d %s %d" % (event.kind, event.peer, event.code))

    async def run(self) -> None:
        async with self.make_bus() as bus:
            self.bus = bus
            self.backend.serve_files(bus, self.options["folder"])
            if self.guard is not None:
                self._watch()
            self.instruments.orders.update(
                {"keep": self._keep, "desk": self._desk, "dial": self._dial, "plan": self._plan}
            )
            host, link = self.options.get("host", "127.0.0.1"), self.options.get("link", "auto")
            await bus.listen(host, 0, link)
            print("ready")
            await asyncio.Event().wait()

    def _watch(self) -> None:
        key_path = self.options.get("key_path")
        self.watch = self.backend.watch(self.bus, self._on_event, self.file, key_path)

    # Orders

    def _desk(self, for_ms: int) -> None:
        """Takes pairings for so long, or ends that with 0."""
        desk = self.guard.desk
        if for_ms:
            desk.open(self.backend.now_ms(self.bus), for_ms)
        else:
            desk.close()

    def _plan(self, grace_s: int) -> None:
        """The owner plans a change of this node's key."""
        self.backend.plan(self.options["key_path"], grace_s)

    def _keep(self, where) -> None:
        """Keeps a session with `[HOST, PORT, KEY]`, and an echo in it; what comes is told."""
        self._tasks.append(asyncio.create_task(self._kept(*where)))

    async def _kept(self, host: str, port: int, key: str) -> None:
        told = self.instruments.events

        async def once(connection, stream):
            await stream.write(b"kept")
            await stream.finish()
            told.append("%d %s" % (port, (await stream.read(100)).decode()))

        def dial():
            return self.bus.connect(host, port, unhexlify(key))

        def heard():  # all the time: the next attempt is not put off
            return self.backend.now_ms(self.bus)

        try:
            async with self.backend.ReconnectingSession(self.bus, dial, heard=heard) as keeper:
                keeper.keep("echo", once)
                await asyncio.Event().wait()
        except Exception as error:
            told.append("died of " + repr(error))
            raise

    def _dial(self, where) -> None:
        """Connects to `[HOST, PORT, KEY]` so many times, one after the other; says how it went."""
        self._tasks.append(asyncio.create_task(self._dialled(*where)))

    async def _dialled(self, host: str, port: int, key: str, times: int) -> None:
        met = {}
        for _ in range(times):
            try:
                await self.bus.connect(host, port, unhexlify(key))
                name = "connected"
            except (BusError, OSError):
                name = "failed"
            except Exception as error:  # noqa: BLE001 - it is told
                name = "raised " + repr(error)
            met[name] = met.get(name, 0) + 1
        self.instruments.events.append("dialled %s" % met)
