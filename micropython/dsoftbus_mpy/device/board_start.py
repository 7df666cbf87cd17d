"""The start of a board's node, as its `config.json` says; this code leaves the heap afterwards.

The program beside it is `app.py`: its `async def main(bus)` runs once the node is up. A failure
there, or at one of the links, is printed; the node goes on with the rest, so that the board stays
within reach.
"""

import asyncio
import hashlib
import sys

import dsoftbus_profile as hardware
from dsoftbus.const import LINK_DATAGRAM, LINK_STREAM
from dsoftbus.errors import BusError, Unsupported
from dsoftbus.trust.guard import Guard
from dsoftbus_aio.housekeeping import Housekeeping
from dsoftbus_mpy.bare_bus import BareBus
from dsoftbus_mpy.base.overlay import forget, unload
from dsoftbus_mpy.device import setup, startup
from dsoftbus_mpy.trust_file import StoreFile

_TRUST = "trust.json"
_TRIAL = "trial"  # what the start program, which no linking changes, has while there is one
_TOKEN = "dsoftbus.token"
_STARTS = "dsoftbus.starts"
_RULES = "dsoftbus.rules"  # the hash of those of config.json that hold now
_PSK_BYTES = 32
_TOKEN_BYTES = 16
_KINDS = {
    "tcp": (LINK_STREAM,),
    "udp": (LINK_DATAGRAM,),
    "auto": (LINK_STREAM, LINK_DATAGRAM),
}


def made(settings, heard):
    """The BoardNode of a board that these settings (`config.complete`) describe."""
    profile = hardware.PROFILE
    random = _random()
    trust, guard = trusting(_TRUST, settings, profile, random)
    key = own_key(random)
    forget()
    bus = BareBus(key, settings["name"], profile, guard=guard)
    bus.node.local.invite_psk = invitation()
    forget()
    return BoardNode(bus, settings, heard, trust)


def _random():
    """The source of random bytes; what made it leaves at once, for the trust store wants room."""
    from dsoftbus_mpy.entropy import source

    random = source(adc=hardware.ADC)
    forget()
    return random


def trusting(path: str, settings, profile, random) -> tuple:
    """(the file of the trust store, the guard by it)"""
    from dsoftbus.trust.acl import grant  # for a while, as `overlay` says

    trust = StoreFile(path, profile)
    if trust.damaged:
        print(path, "is damaged, and was put aside as", trust.damaged, "- trusting nobody")
    _set_rules(trust, settings["rules"])
    return trust, Guard(trust.store, random, None, [grant(text) for text in settings["grants"]])


def own_key(random) -> bytes:
    """The board's own secret."""
    from dsoftbus_mpy.key_file import load_or_make  # for a while, as `overlay` says

    return load_or_make(setup.KEY, random)


class BoardNode:
    """The links and services of `bus`, as these settings (`config.complete`) say, and `app.py`.
    `heard` hears of its network and of its peers afterwards (`board_node`); `trust` is the file of
    its trust store, or None."""

    def __init__(self, bus, settings, heard, trust):
        self.bus = bus
        self._settings = settings
        self._heard = heard
        self._housekeeping = Housekeeping(bus, heard.on_event, trust)
        self._services = []  # names
        self._begun = []  # what says goodbye
        self._goes_on = True
        self.port = 0  # where it listens

    async def start(self) -> None:
        """Starts each part of the node. A part that cannot start is named; the others go on."""
        if self._settings["logs"]:
            self.bus.logs()
        print("dsoftbus", self.bus.id, self._settings["name"])
        await self._begin_services()
        _start_app(self.bus)
        await asyncio.sleep_ms(0)  # its first words, and its handlers, come before the links
        await self._begin_links()
        print("started")  # `dsoftbus board run` waits for this
        if startup.lacked():
            from dsoftbus_mpy.device.no_memory import held

            self.bus.spawn(held())

    async def begin(self) -> None:
        """Starts as `start` does, for a program that has its own bus: raises where a part cannot
        start."""
        self._goes_on = False
        if self._settings["logs"]:
            self.bus.logs()
        await self._begin_services()
        await self._begin_links()

    async def seek_peers(self, port: int) -> None:
        """Begins discovery on this port, for a node that went without until now."""
        self._settings["discovery"] = port
        await self._announce(self._settings["host"], self.port, self._settings["link"])

    def say_goodbye(self) -> None:
        for discovery in self._begun:
            discovery.stop()

    def stop(self) -> None:
        """The last thing: what the trust store owes its file is written."""
        self._housekeeping.stop()

    async def _begin_services(self) -> None:
        self._housekeeping.start()
        await self._try("updates", self._begin_updates)
        await self._try("files", self._serve)

    async def _begin_links(self) -> None:
        from dsoftbus_mpy.capabilities import heap

        settings = self._settings
        unload(self.bus.node)  # what made the node is not needed for its links
        heap(settings["serial"] != "" or settings["link"] != "tcp" or settings["group"] != "")
        if settings["wifi"]:
            await self._try("Wi-Fi", self._join)
        if settings["port"] or "listen" in settings:  # the latter from a program
            await self._try("listening", self._listen)
        if settings["serial"]:
            await self._try("serial line", self._open_line)
        if settings["group"]:
            await self._try("group", self._join_group)
        if settings["watchdog_ms"]:
            await self._try("watchdog", self._start_watchdog)

    async def _try(self, what: str, begin, *args) -> None:
        try:
            await begin(*args)
            unload(self.bus.node)  # the next part finds what this one has needed
        except (BusError, OSError, ValueError, TypeError, ImportError) as error:
            if not self._goes_on:
                raise
            said = (setup.text(error),) if isinstance(error, BusError) else (what, repr(error))
            print("failed:", *said)

    async def _begin_updates(self) -> None:
        if self._settings["console"]:
            self.bus.console()
        if self._settings["updates"]:
            self.bus.updates()
        if getattr(sys.modules.get("dsoftbus_boot"), _TRIAL, None):
            from dsoftbus_mpy.device.trial import watch  # only what is on trial pays for it

            watch(self.bus, self._settings)

    async def _serve(self) -> None:
        echo, folder = self._settings["echo"], self._settings["files"]
        if echo:
            from dsoftbus_aio.echo import serve_echo  # only who serves one pays

            serve_echo(self.bus)
            self._services.append("echo")
        if folder:
            from dsoftbus_mpy.folder import make

            self.bus.share(make(folder), self._settings["quota"])
            self._services.append("share")

    # Links: only who has one pays for it

    async def _join(self) -> None:
        from dsoftbus_mpy.wifi import start

        start(self.bus, self._settings, self._heard.on_network, self._heard.on_no_network)

    async def _listen(self) -> None:
        from dsoftbus_mpy.capabilities import sockets

        sockets()
        host, port, link = [self._settings[key] for key in ("host", "port", "link")]
        if self._settings.get("listen", True):
            self.port = await self.bus.listen(host, port, link)
            if self._goes_on:
                print("listening", host, port, link)
        if self._settings["discovery"]:
            await self._try("discovery", self._announce, host, self.port, link)

    async def _announce(self, host: str, port: int, link: str) -> None:
        from dsoftbus_mpy.device.boot_counter import count_start
        from dsoftbus_mpy.discovery import Discovery

        self._heard.discovery = Discovery(
            self.bus,
            self._housekeeping,
            port,
            count_start(_STARTS),
            self._services,
            host,
            self._settings["broadcast"],
            self._settings["discovery"],
            _KINDS[link],
        )
        self._begun.append(self._heard.discovery)

    async def _open_line(self) -> None:
        line = self.bus.open_serial(setup.byte_port(self._settings))
        if self._settings["discovery"]:
            await self._try("discovery", self._announce_on_line, line)

    async def _announce_on_line(self, line) -> None:
        from dsoftbus_aio.line_discovery import LineDiscovery

        said, first = self._said()
        found = LineDiscovery(self.bus, line, first, self._services, self._housekeeping, said)
        self._begun.append(found)

    def _said(self) -> tuple:
        """(its announcement on a network, or None; the sequence of its first one elsewhere)"""
        from dsoftbus_mpy.device.boot_counter import count_start

        discovery = self._heard.discovery
        if discovery is not None:
            return discovery.said, 0
        return None, count_start(_STARTS)

    async def _join_group(self) -> None:
        try:
            from dsoftbus_mpy.links.broker import join
        except ImportError:
            raise Unsupported("group: `dsoftbus board install` brings the code for it")
        said, first = self._said()
        token = self._settings["group"]
        say = print if self._goes_on else None
        port = join(self.bus, token, said, first, self._services, self._housekeeping, say)
        self._begun.append(port)

    async def _start_watchdog(self) -> None:
        from dsoftbus_mpy.watchdog import start

        start(self.bus, self._settings)


def _set_rules(trust, texts) -> None:
    """The node's own rules are those of config.json, and no others, taken over when they change
    there. Between, what is denied follows a peer's key, and what is allowed goes with the peer."""
    from dsoftbus.trust.acl import rule
    from dsoftbus_mpy.key_file import place, read

    store = trust.store
    said = hashlib.sha256("\n".join(texts).encode()).digest()
    if (texts or store.rules) and read(_RULES, len(said)) != said:
        store.rules = [rule(text) for text in texts]
        store.touch()
        trust.save()
        place(_RULES, said)


def invitation():
    """Returns the pre-shared key of the token that `dsoftbus board token` left here, or None."""
    from dsoftbus_mpy.key_file import read

    data = read(_TOKEN, _PSK_BYTES + _TOKEN_BYTES)
    return data[:_PSK_BYTES] if data and len(data) == _PSK_BYTES + _TOKEN_BYTES else None


def _start_app(bus) -> None:
    """`app.py`, where there is one; a fault in it does not keep the node from its links."""
    try:
        import app

        bus.spawn(app.main(bus))
    except ImportError as error:
        if "'app'" not in str(error):  # that there is no app.py is no fault
            bus.tell(error)
    except Exception as error:  # noqa: BLE001 - the program's own, of any kind
        bus.tell(error)
