"""A board's node, as its `config.json` says: what `board.run` runs.

The program beside it is `app.py`: its `async def main(bus)` runs once the node is up. What fails
there, or at one of the links, is printed; the node goes on with what is left, so that the board
stays within reach.
"""

import asyncio
import hashlib
import sys

import dsoftbus_profile as hardware
from dsoftbus.const import (
    EV_DENIED,
    EV_PAIR_FAILED,
    EV_PAIRED,
    LINK_DATAGRAM,
    LINK_STREAM,
)
from dsoftbus.errors import BusError
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.guard import Guard
from dsoftbus_mpy import crypto, entropy, keyfile, setup, startup
from dsoftbus_mpy.bus import Bus
from dsoftbus_mpy.storefile import StoreFile
from dsoftbus_mpy.watch import Watch

_TRUST = "trust.json"
_TOKEN = "dsoftbus.token"
_STARTS = "dsoftbus.starts"
_RULES = "dsoftbus.rules"  # the hash of those of config.json that hold now
_PSK_BYTES = 32
_TOKEN_BYTES = 16
_WORDS = {EV_PAIRED: "paired", EV_PAIR_FAILED: "not paired", EV_DENIED: "denied"}
_KINDS = {
    "tcp": (LINK_STREAM,),
    "udp": (LINK_DATAGRAM,),
    "auto": (LINK_STREAM, LINK_DATAGRAM),
}


def run() -> None:
    """Runs the node until something interrupts it: then the REPL has the console again."""
    crypto.suite()  # its kernels, where the order of `startup` has not found them
    settings = setup.settings()
    startup.load(settings)
    try:
        asyncio.run(_run(settings))
    except BusError as error:  # no noise, no heap, a damaged key: the REPL is what is left
        print("no node:", setup.text(error))


async def _run(settings) -> None:
    await BoardNode(settings).start()
    await asyncio.Event().wait()


# The node


class BoardNode:
    """The node of these settings (`config.complete`): `bus`, its links and services, `app.py`."""

    def __init__(self, settings):
        self._settings = settings
        profile = hardware.PROFILE
        random = entropy.source(adc=hardware.ADC)
        trust = StoreFile(_TRUST, profile)
        if trust.damaged:
            print(_TRUST, "is damaged, and was put aside as", trust.damaged, "- trusting nobody")
        _set_rules(trust, settings["rules"])
        guard = Guard(trust.store, random, None, [grant(text) for text in settings["grants"]])
        key = keyfile.load_or_make(setup.KEY, random)
        self.bus = Bus(key, settings["name"], profile, guard=guard)
        self.bus.node.local.invite_psk = _invitation()
        self._watch = Watch(self.bus, _on_event, trust)
        self._services = []  # names
        self._discovery = None

    async def start(self) -> None:
        """What cannot be had is named; what is left is the node."""
        settings = self._settings
        print("dsoftbus", self.bus.id, settings["name"])
        await _tried("files", self._serve)
        _start_app(self.bus)
        await asyncio.sleep_ms(0)  # its first words, and its handlers, come before the links
        from dsoftbus_mpy.needs import heap

        heap(settings["serial"] != "" or settings["link"] != "tcp")
        if settings["wifi"]:
            await _tried("Wi-Fi", self._join)
        if settings["port"]:
            await _tried("listening", self._listen)
        if settings["serial"]:
            await _tried("serial line", self._open_line)
        if settings["watchdog_ms"]:
            await _tried("watchdog", self._start_watchdog)
        print("started")  # `dsoftbus board run` waits for this
        if startup.lacked():
            from dsoftbus_mpy.no_memory import held

            self.bus.spawn(held())

    async def _serve(self) -> None:
        echo, folder = self._settings["echo"], self._settings["files"]
        if echo:
            from dsoftbus_mpy.echo import serve_echo  # only who serves one pays

            serve_echo(self.bus)
            self._services.append("echo")
        if folder:
            from dsoftbus_mpy.files import FileService
            from dsoftbus_mpy.folder import make

            FileService(self.bus, make(folder))
            self._services += ["file", "fetch"]

    # Links: only who has one pays for it

    async def _join(self) -> None:
        from dsoftbus_mpy.wifi import start

        start(self.bus, self._settings, self._on_network, _on_no_network)

    def _on_network(self, address: str) -> None:
        print("network", address)
        if self._discovery is not None:
            self._discovery.rejoin()

    async def _listen(self) -> None:
        from dsoftbus_mpy.needs import sockets

        sockets()
        host, port, link = [self._settings[key] for key in ("host", "port", "link")]
        await self.bus.listen(host, port, link)
        print("listening", host, port, link)
        if self._settings["discovery"]:
            self._announce(host, port, link)

    def _announce(self, host: str, port: int, link: str) -> None:
        from dsoftbus_mpy.discovery import Discovery
        from dsoftbus_mpy.starts import count_start

        self._discovery = Discovery(
            self.bus,
            self._watch,
            port,
            count_start(_STARTS),
            self._services,
            host,
            self._settings["broadcast"],
            self._settings["discovery"],
            _KINDS[link],
        )

    async def _open_line(self) -> None:
        line = self.bus.open_serial(setup.byte_port(self._settings))
        if self._settings["discovery"]:
            self._announce_on_line(line)

    def _announce_on_line(self, line) -> None:
        from dsoftbus_mpy.line_discovery import LineDiscovery
        from dsoftbus_mpy.starts import count_start

        said = self._discovery.said if self._discovery is not None else None
        first = count_start(_STARTS) if said is None else 0
        LineDiscovery(self.bus, line, first, self._services, self._watch, said)

    async def _start_watchdog(self) -> None:
        from dsoftbus_mpy.watchdog import start

        start(self.bus, self._settings)


async def _tried(what: str, begin) -> None:
    try:
        await begin()
    except BusError as error:
        print("failed:", setup.text(error))
    except (OSError, ValueError, TypeError, ImportError) as error:
        print("failed:", what, repr(error))


def _set_rules(trust, texts) -> None:
    """The node's own rules are those of config.json, and no others, taken over when they change
    there. Between, what is denied follows a peer's key, and what is allowed goes with the peer."""
    store = trust.store
    said = hashlib.sha256("\n".join(texts).encode()).digest()
    if (texts or store.rules) and keyfile.read(_RULES, len(said)) != said:
        store.rules = [rule(text) for text in texts]
        store.touch()
        trust.save()
        keyfile.place(_RULES, said)


def _invitation():
    """What the token that `dsoftbus board token` left here stands for, or None."""
    data = keyfile.read(_TOKEN, _PSK_BYTES + _TOKEN_BYTES)
    return data[:_PSK_BYTES] if data and len(data) == _PSK_BYTES + _TOKEN_BYTES else None


def _on_event(event) -> None:
    if event.kind in _WORDS:
        print(_WORDS[event.kind], event.peer, repr(event.name), event.code or "")


def _on_no_network(error) -> None:
    print("no network:", setup.text(error))


def _start_app(bus) -> None:
    """`app.py`, where there is one; a fault in it does not keep the node from its links."""
    try:
        import app

        bus.spawn(app.main(bus))
    except ImportError as error:
        if "'app'" not in str(error):  # that there is no app.py is no fault
            sys.print_exception(error)
    except Exception as error:  # noqa: BLE001 - the program's own, of any kind
        sys.print_exception(error)
