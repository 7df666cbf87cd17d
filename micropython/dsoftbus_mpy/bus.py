"""The bus for programs on MicroPython that are the node themselves: with the key, the trust store
and the settings of this board, and discovery."""

import os
import sys

from dsoftbus.errors import BAD_ARGUMENT, BAD_STATE, BusError, LocalError
from dsoftbus_mpy.bare_bus import BareBus

if False:  # for types
    from dsoftbus_mpy.device.board_start import BoardNode

_CONFIG = "config.json"
TRUST = "trust.json"


class Bus(BareBus):
    """This board's node, with all that belongs to it: `async with Bus("attic") as bus`. (A program
    that is an `app.py` gets its bus from the node that runs it.)

    Within the block it takes sessions, announces itself and finds others; at its end it says
    goodbye. **By default it is the node that `dsoftbus board` speaks of**: its key is in
    `dsoftbus.key`, those whom it trusts in `trust.json`, so whom `dsoftbus board token` or a
    pairing let know this board may begin sessions with it, and nobody else may. Its links,
    services and rules are those of `config.json`, where there is one; else it listens at every
    address, on any free port, over TCP. All that `BareBus` has is here, too: `peer`, `on_stream`.

    - `name`: what people call it; without one that of `config.json`.
    - `key`: its secret of 32 bytes, in place of the file's.
    - `trust`: another file of those whom it trusts. With `allow` (public keys, or ANYONE for every
      peer that proves some key) or `psk` (32 bytes that every peer has to show) and without
      `trust` there is no trust store, and these decide; with both, both have to agree.
    - `listen`: with False it opens no port on the network, and only dials. `port`: another one.
    - `on_event`: gets every NodeEvent; without it those of trust are printed.
    - `keepalive_ms`: how long a session may be silent before it is asked for a sign of life (it
      ends after nine times that); without it what the `profile` has, by default this board's.
    - `sleeper`: True for a board that sleeps between its sessions and calls `sleep`; it listens
      nowhere, and asks the network for its peers only where it does not know where they are. The
      memory of the RTC has what it keeps, or a file (docs/sleepers.md); a place of the program's
      own has `load()`, `store(data)` and `most`.

    Raises LocalError (a damaged key, no entropy, a wrong `config.json`), Unsupported and OSError.
    """

    def __init__(
        self,
        name: str = "",
        key=None,
        trust: str = "",
        allow=None,
        psk=None,
        listen: bool = True,
        port: int = 0,
        on_event=None,
        profile=None,
        keepalive_ms: int = 0,
        sleeper=None,
    ):
        if not isinstance(name, str):
            raise LocalError(BAD_ARGUMENT, "the name is a text; a key is given as key=")
        hardware = _hardware()
        from dsoftbus_mpy.device.board_start import invitation, own_key, trusting
        from dsoftbus_mpy.entropy import source

        self._settings = settings = _settings(name, listen and not sleeper, port)
        self._on_event = on_event
        self._own: BoardNode | None = None  # its links and services, within the block
        self._quiet = 0  # the port of discovery, while a sleeper goes without
        self.port = 0  # where it listens, within the block
        profile = profile or hardware.PROFILE
        if keepalive_ms:
            profile = type("Kept", (profile,), {"keepalive_ms": keepalive_ms})
        random = source(adc=hardware.ADC)
        self._file = guard = None
        if trust or (allow is None and psk is None):
            self._file, guard = trusting(trust or TRUST, settings, profile, random)
        key = key or own_key(random)
        self._sleeper = kept = _kept(sleeper)
        if kept is not None:
            key = kept.key(key)
        super().__init__(key, settings["name"], profile, allow, psk, guard)
        if kept is not None:
            kept.attach(self)
            if kept.knows_routes:
                self._quiet, settings["discovery"] = settings["discovery"], 0
        if guard is not None:
            self.node.local.invite_psk = invitation()

    async def __aenter__(self):
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, kind, error, trace) -> None:
        await self._end()

    @property
    def guard(self):
        """Its trust. Raises LocalError(BAD_STATE) where `allow` or `psk` alone decide."""
        if self.node.guard is None:
            raise LocalError(BAD_STATE, "this bus has no trust store")
        return self.node.guard

    async def sleep(self, ms: int, wait_ms: int = 3000) -> int:
        """Ends this bus for a sleep of `ms`, and returns for how many the program is to sleep now:
        `machine.deepsleep(await bus.sleep(600000))`.

        All that was sent arrives first, if it does in `wait_ms`; then peers hear until when this
        node sleeps, and what the next start needs is kept. Raises LocalError(BAD_STATE) without
        `sleeper`.
        """
        if self._sleeper is None:
            raise LocalError(BAD_STATE, "a bus that sleeps is made with sleeper=True")
        self.check_open()
        from dsoftbus_mpy.sleeper.goodbye import sleep

        return await sleep(self, self._sleeper, ms, wait_ms, self._end)

    @property
    def wakes(self) -> int:
        """The number of this start of a sleeper, from 1 up; 0 of any other node."""
        return 0 if self._sleeper is None else self._sleeper.kept.wakes

    async def reach(self, device: str):
        """Reaches a peer as on every bus; a sleeper that does not find it listens for it."""
        from dsoftbus_aio.peer import reach  # as on every bus, only who seeks a peer pays for it

        try:
            return await reach(self, device)
        except (BusError, OSError):
            port, self._quiet = self._quiet, 0
            if port and self._own is not None:
                self._sleeper.lost(device)
                await self._own.seek_peers(port)
            raise

    async def _end(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.say_goodbye()
        try:
            await self.close()  # of a board's rare methods, so no other may stand before it
        finally:
            if own is not None:
                own.stop()

    async def _start(self) -> None:
        from dsoftbus_mpy.device.board_node import Heard
        from dsoftbus_mpy.device.board_start import BoardNode

        heard = Heard()
        if self._on_event is not None:
            heard.on_event = self._on_event  # type: ignore[method-assign] # in its place
        own = BoardNode(self, self._settings, heard, self._file)
        self._own = own
        await own.begin()
        self.port = own.port


def _kept(sleeper):
    """Returns the keeper of a sleeper; None for a node that does not sleep."""
    if not sleeper:
        return None
    from dsoftbus_mpy.sleeper.places import default
    from dsoftbus_mpy.sleeper.wake import Sleeper

    return Sleeper(default() if sleeper is True else sleeper)


def _hardware():
    """The profile and pins that were installed with a board; elsewhere the limits that fit this
    machine's memory, and no pins."""
    try:
        return __import__("dsoftbus_profile")
    except ImportError:
        from dsoftbus_mpy.profiles import fitting

    class NoBoard:
        PROFILE = fitting()
        UART = ()
        ADC = None

    # The device's own modules read it as they read a module.
    sys.modules["dsoftbus_profile"] = NoBoard  # type: ignore[assignment]
    return NoBoard


def _settings(name: str, listen: bool, port: int) -> dict:
    """Returns those of config.json, or what stands for one, and what the program says."""
    from dsoftbus_mpy.device.config import complete, read

    try:
        os.stat(_CONFIG)
        settings, wrong = read(_CONFIG)
    except OSError:
        settings, wrong = complete({"serial": "", "echo": False}), []
    if wrong:
        raise LocalError(BAD_ARGUMENT, wrong[0])
    settings["name"] = name or settings["name"]
    settings["listen"] = listen
    settings["port"] = (port or settings["port"]) if listen else 0
    return settings
