"""A board's node, as its `config.json` says: what every `main.py` of `boards/` runs.

The program beside it is `app.py`: its `async def main(bus)` runs once the node is up. What fails
there, or at one of the links, is printed; the node goes on with what is left, so that the board
stays within reach.
"""

import asyncio
import os
import sys
import time

import dsoftbus_profile as hardware
from dsoftbus.const import (
    EV_DENIED,
    EV_PAIR_FAILED,
    EV_PAIRED,
    LINK_DATAGRAM,
    LINK_STREAM,
)
from dsoftbus.errors import BusError, Unsupported
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.guard import Guard
from dsoftbus_mpy import entropy, keyfile
from dsoftbus_mpy.bus import Bus
from dsoftbus_mpy.storefile import StoreFile
from dsoftbus_mpy.watch import Watch

_KEY = "dsoftbus.key"
_TRUST = "trust.json"
_TOKEN = "dsoftbus.token"
_STARTS = "dsoftbus.starts"
_PSK_BYTES = 32
_TOKEN_BYTES = 16
_COMPLAIN_S = 5
_RX_BYTES = 512  # of a UART: 44 ms at 115200 baud
_WORDS = {EV_PAIRED: "paired", EV_PAIR_FAILED: "not paired", EV_DENIED: "denied"}
_KINDS = {
    "tcp": (LINK_STREAM,),
    "udp": (LINK_DATAGRAM,),
    "auto": (LINK_STREAM, LINK_DATAGRAM),
}


def run() -> None:
    """Runs the node until something interrupts it: then the REPL has the console again."""
    settings = _settings()
    try:
        asyncio.run(_run(settings))
    except BusError as error:  # no noise, no heap, a damaged key: the REPL is what is left
        print("no node:", _text(error))


async def _run(settings) -> None:
    from dsoftbus_mpy.needs import heap

    heap(settings["serial"] != "" or settings["link"] != "tcp")
    await BoardNode(settings).start()
    await asyncio.Event().wait()


# Settings


def _settings() -> dict:
    """What config.json says. What is wrong with it is said again and again, so that whoever comes
    to look sees it; Ctrl-C leads to the REPL."""
    from dsoftbus_mpy.config import MODULE, read

    settings, wrong = read()
    while wrong:
        for text in wrong:
            print(text)
        print("mend it by `dsoftbus board config PORT NAME=VALUE`, or from the REPL (Ctrl-C)")
        time.sleep(_COMPLAIN_S)
        settings, wrong = read()
    _forget(MODULE)
    return settings


def _forget(module: str) -> None:
    """Lets go of a module that is needed no more, and of the heap that its code takes."""
    dot = module.rfind(".")
    del sys.modules[module]
    if dot > 0:
        delattr(sys.modules[module[:dot]], module[dot + 1 :])


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
        _set_rules(trust.store, settings["rules"])
        guard = Guard(trust.store, random, None, [grant(text) for text in settings["grants"]])
        key = keyfile.load_or_make(_KEY, random)
        self.bus = Bus(key, settings["name"], profile, guard=guard)
        self.bus.node.local.invite_psk = _invitation()
        self._watch = Watch(self.bus, _on_event, trust)
        self._services = []  # names
        self._discovery = None

    async def start(self) -> None:
        """What cannot be had is named; what is left is the node."""
        settings = self._settings
        print("dsoftbus", self.bus.id, settings["name"])
        self._serve()
        _start_app(self.bus)
        if settings["wifi"]:
            await _tried("Wi-Fi", self._join)
        if settings["port"]:
            await _tried("listening", self._listen)
        if settings["serial"]:
            await _tried("serial line", self._open_line)
        if settings["watchdog_ms"]:
            await _tried("watchdog", self._start_watchdog)
        await asyncio.sleep_ms(0)  # the first words of app.py belong to the start
        print("started")  # `dsoftbus board run` waits for this

    def _serve(self) -> None:
        echo, folder = self._settings["echo"], self._settings["files"]
        if not (echo or folder):
            return
        from dsoftbus_mpy.files import FileService, serve_echo  # only who serves these pays

        if echo:
            serve_echo(self.bus)
            self._services.append("echo")
        if folder:
            _make_folder(folder)
            FileService(self.bus, folder)
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
        from dsoftbus_mpy.byte_ports import ConsolePort, UartPort

        if self._settings["serial"] == "uart":
            port: object = UartPort(_uart(self._settings["uart"], self._settings["baud"]))
            print("line on a UART,", self._settings["baud"], "baud")
        else:
            print("line on the console: sixteen Ctrl-C give it back")
            port = ConsolePort()
        line = self.bus.open_serial(port)
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
        print("failed:", _text(error))
    except (OSError, ValueError, TypeError, ImportError) as error:
        print("failed:", what, repr(error))


def _text(error) -> str:
    return error.detail or repr(error)


def _set_rules(store, texts) -> None:
    """The node's own rules are those of config.json, and no others."""
    if [str(known) for known in store.rules] != list(texts):
        store.rules = [rule(text) for text in texts]
        store.touch()


def _invitation():
    """What the token that `dsoftbus board token` left here stands for, or None."""
    data = keyfile.read(_TOKEN, _PSK_BYTES + _TOKEN_BYTES)
    return data[:_PSK_BYTES] if data and len(data) == _PSK_BYTES + _TOKEN_BYTES else None


def _on_event(event) -> None:
    if event.kind in _WORDS:
        print(_WORDS[event.kind], event.peer, repr(event.name), event.code or "")


def _on_no_network(error) -> None:
    print("no network:", _text(error))


def _make_folder(path: str) -> None:
    try:
        os.mkdir(path)
    except OSError:
        pass  # it is there


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


def _uart(pins, baud: int):
    """`pins`: [id, tx, rx], None for the board's own. Raises Unsupported, ValueError."""
    from dsoftbus_mpy.needs import machine, uart

    make, pins = uart(), pins or hardware.UART
    if not pins:
        raise Unsupported('a UART: config.json names none, "uart": [id, tx, rx]')
    number, tx, rx = pins
    pin = machine("Pin", "pins")
    named = {} if tx is None else {"tx": pin(tx), "rx": pin(rx)}
    return make(number, baud, timeout=0, rxbuf=_RX_BYTES, **named)
