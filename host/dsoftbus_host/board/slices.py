"""The slices that a board's node is put together from: defined here, and nowhere else.

Deployment, the generated `manifest.py` and `package.json` of each board, and the table of memory
all read this file. A module is named as it is imported; each belongs to one slice.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HOME = Path(__file__).resolve().parents[2]  # where the packages of the host lie
_CHECKOUT = (_HOME.parent / "micropython").is_dir()  # else all packages lie side by side
PROJECT = _HOME.parent if _CHECKOUT else _HOME
ROOTS = {
    "dsoftbus": "core" if _CHECKOUT else ".",
    "dsoftbus_sim": "core" if _CHECKOUT else ".",
    "dsoftbus_mpy": "micropython" if _CHECKOUT else ".",
}
BOARDS = PROJECT / "boards" if _CHECKOUT else _HOME / "dsoftbus_host" / "boards"


class Slice(NamedTuple):
    """`modules` in the order in which a board loads them; `needs` are other slices.

    `late` are those that it loads when something asks for what they do: on the board they must be.
    """

    about: str
    needs: tuple[str, ...]
    modules: tuple[str, ...]
    late: tuple[str, ...] = ()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _of(package: str, names: str) -> tuple[str, ...]:
    return tuple(f"{package}.{name}" for name in names.split())


SLICES = {
    "core": Slice(
        "what every node has: identity, sessions, streams, clock, entropy",
        (),
        (
            "dsoftbus",
            *_of("dsoftbus", "errors codec ticks identity"),
            *_of("dsoftbus.crypto", "__init__ hkdf suite"),
            "dsoftbus.cipher",
            *_of("dsoftbus.session", "__init__ events frames local states ring admission"),
            *_of("dsoftbus.session", "streams schedule mux keepalive session roster"),
            "dsoftbus.link",
            "dsoftbus_mpy",
            *_of("dsoftbus_mpy", "clock crypto entropy overlay secret_files node"),
        ),
        ("handshake", "messages", "text"),
    ),
    "keyfile": Slice(
        "the file of a node's secret", ("core",), ("dsoftbus.secret", "dsoftbus_mpy.keyfile")
    ),
    "text": Slice(
        "what a name may be beyond ASCII, and how text of others is printed",
        ("core",),
        ("dsoftbus.names", "dsoftbus_mpy.display"),
    ),
    "messages": Slice("streams of whole messages", ("core",), ("dsoftbus.session.messages",)),
    "handshake": Slice(
        "what begins a session, and leaves the heap afterwards",
        ("core",),
        ("dsoftbus.noise", *_of("dsoftbus.session", "hello handshake offers begin")),
    ),
    "arrivals": Slice(
        "what handshakes may cost, and who gives way; leaves the heap afterwards",
        ("core",),
        ("dsoftbus.session.arrivals",),
    ),
    "backoff": Slice("waits that grow with each failure", ("core",), ("dsoftbus.backoff",)),
    "node": Slice(
        "a node of several links: sessions on streams, discovery and trust where they are there",
        ("core",),
        _of("dsoftbus", "node pace"),
    ),
    "names": Slice(
        "constants, profiles and labels, for programs that ask for them",
        ("core",),
        (*_of("dsoftbus", "const labels link.drop_labels"), "dsoftbus_mpy.profiles"),
    ),
    "portable": Slice(
        "crypto in portable code, for ports without the viper emitter",
        ("core",),
        ("dsoftbus.crypto.chachapoly",),
        ("x25519",),
    ),
    "x25519": Slice(
        "the portable code of handshakes, which leaves the heap afterwards",
        ("core",),
        ("dsoftbus.crypto.x25519",),
    ),
    "provider": Slice(
        "suites in portable code, whatever a board has",
        ("portable", "x25519"),
        ("dsoftbus.crypto.provider",),
    ),
    "machine": Slice(
        "what all machine code for crypto has in common",
        ("core",),
        _of("dsoftbus_mpy", "copy x25519"),
    ),
    "kernels": Slice(
        "crypto in machine code, as the viper emitter makes it",
        ("machine",),
        _of("dsoftbus_mpy", "field chacha20 poly1305 chachapoly"),
    ),
    "thumb": Slice(
        "crypto in Thumb instructions, for every Cortex-M",
        ("machine",),
        _of("dsoftbus_mpy", "thumb_field thumb_chacha20 thumb_poly1305 thumb_chachapoly"),
    ),
    "blake2s": Slice(
        "the second suite of hashes",
        ("core",),
        ("dsoftbus.crypto.blake2s", "dsoftbus_mpy.blake2s"),
    ),
    "sockets": Slice("sockets and their addresses", ("core",), ("dsoftbus_mpy.sockets",)),
    "stream": Slice(
        "sessions on links that carry a stream of bytes",
        ("node", "sockets"),
        (
            *_of("dsoftbus.link", "records protect"),
            "dsoftbus.session.over_stream",
            "dsoftbus.pump",
            "dsoftbus_mpy.tcp",
        ),
        ("arrivals",),
    ),
    "datagram": Slice(
        "sessions on links that carry datagrams",
        ("core",),
        (
            *_of("dsoftbus.link", "drops replay packets rtt acks flow recovery segments"),
            "dsoftbus.link.reliable",
            *_of("dsoftbus.session", "over_datagram cable endpoint"),
            "dsoftbus.datagram_pump",
        ),
        ("openings", "paths", "unreliable"),
    ),
    "unreliable": Slice(
        "unreliable messages",
        ("datagram",),
        ("dsoftbus.link.unreliable", "dsoftbus.session.unreliable"),
    ),
    "openings": Slice(
        "what becomes of flights and openings, and leaves the heap afterwards",
        ("datagram", "arrivals"),
        _of("dsoftbus.session", "flights openings"),
    ),
    "paths": Slice(
        "whether a peer is where its packets come from; leaves the heap afterwards",
        ("datagram",),
        ("dsoftbus.session.path_validation",),
    ),
    "network": Slice(
        "what datagrams from anywhere need: cookies",
        ("datagram",),
        _of("dsoftbus.session", "cookies network"),
    ),
    "congestion": Slice(
        "what datagrams on networks need: congestion control, gaps in packet numbers",
        ("datagram",),
        _of("dsoftbus.link", "congestion gaps"),
    ),
    "asyncio": Slice(
        "the Bus for programs on asyncio",
        ("node",),
        _of("dsoftbus_mpy", "waiting stream connection bus"),
    ),
    "tcp": Slice("TCP for the Bus", ("asyncio", "stream"), ("dsoftbus_mpy.tcp_port",)),
    "loop": Slice(
        "a bare poll() loop, for programs without asyncio",
        ("stream",),
        ("dsoftbus_mpy.loop",),
    ),
    "ports": Slice(
        "datagram links for the Bus", ("asyncio", "network"), ("dsoftbus_mpy.datagram_port",)
    ),
    "udp-socket": Slice(
        "a UDP socket as a link",
        ("network", "congestion", "sockets"),
        ("dsoftbus_mpy.udp_link",),
    ),
    "udp": Slice("UDP for the Bus", ("ports", "udp-socket"), ("dsoftbus_mpy.udp",)),
    "loop-udp": Slice("UDP for the bare loop", ("loop", "udp-socket"), ("dsoftbus_mpy.loop_udp",)),
    "line": Slice(
        "a serial line as a link",
        ("datagram",),
        (*_of("dsoftbus.link", "cobs line"), "dsoftbus.line_link", "dsoftbus_mpy.uart_port"),
    ),
    "console": Slice("the console as a line's port", ("core",), ("dsoftbus_mpy.console_port",)),
    "serial": Slice("serial lines for the Bus", ("ports", "line"), ("dsoftbus_mpy.serial",)),
    "loop-serial": Slice(
        "a bare loop for a cable, and a node that has nothing else",
        ("line",),
        ("dsoftbus_mpy.loop_serial",),
    ),
    "trust": Slice(
        "the trust store and access rules, for every session",
        ("node",),
        (
            "dsoftbus.trust",
            *_of("dsoftbus.trust", "acl store desk control guard"),
            *_of("dsoftbus_mpy", "storefile watch"),
        ),
        (
            *("pairing", "rotation", "naming", "damage", "window", "lookalikes"),
            *("message-rules", "store-text"),
        ),
    ),
    "message-rules": Slice(
        "access rules for unreliable messages",
        ("trust",),
        ("dsoftbus.trust.datagrams",),
    ),
    "lookalikes": Slice(
        "names that people take for one another", ("core",), ("dsoftbus.trust.lookalikes",)
    ),
    "damage": Slice("what becomes of a damaged trust store", ("trust",), ("dsoftbus_mpy.damage",)),
    "store-text": Slice(
        "the trust store out of its file; leaves the heap afterwards",
        ("trust",),
        ("dsoftbus.trust.store_text",),
    ),
    "naming": Slice("the peer that a word means", ("trust",), ("dsoftbus.trust.naming",)),
    "window": Slice(
        "who leaves when the time for pairings is over; leaves the heap afterwards",
        ("trust",),
        ("dsoftbus.trust.window",),
    ),
    "pairing": Slice(
        "how trust begins: six digits on both sides",
        ("trust",),
        _of("dsoftbus.trust", "talk pairing attempt"),
    ),
    "announcements": Slice(
        "what a node says of itself",
        ("core",),
        (*_of("dsoftbus.discovery", "__init__ announce announcer"), "dsoftbus_mpy.starts"),
    ),
    "peers": Slice(
        "the table of peers",
        ("announcements", "backoff", "node"),
        ("dsoftbus.shares", "dsoftbus.discovery.peers"),
        ("doubts",),
    ),
    "doubts": Slice(
        "announcements that do not follow, or have another length; leaves the heap afterwards",
        ("peers",),
        _of("dsoftbus.discovery", "doubts padding"),
    ),
    "discovery": Slice(
        "announcements on a network, and the table of peers",
        ("asyncio", "trust", "peers"),
        ("dsoftbus_mpy.discovery",),
    ),
    "line-announcements": Slice(
        "announcements on a serial line",
        ("line", "announcements"),
        ("dsoftbus.discovery.on_line",),
    ),
    "line-discovery": Slice(
        "discovery over a serial line, for the Bus",
        ("serial", "line-announcements"),
        ("dsoftbus_mpy.line_discovery",),
    ),
    "keeper": Slice(
        "sessions that come back by themselves",
        ("discovery",),
        ("dsoftbus.discovery.reconnect", "dsoftbus_mpy.keeper"),
    ),
    "noise": Slice(
        "random bytes out of hardware noise, for boards",
        ("core",),
        _of("dsoftbus_mpy", "health drbg conditioned hardware"),
        ("keyfile",),
    ),
    "needs": Slice(
        "what a port must have, refused at the start where it has not",
        ("core",),
        ("dsoftbus_mpy.needs",),
    ),
    "wifi": Slice(
        "Wi-Fi that is brought up, watched and brought back",
        ("backoff", "needs"),
        ("dsoftbus_mpy.wifi",),
    ),
    "watchdog": Slice(
        "the board's watchdog, fed by a node that is alive", ("needs",), ("dsoftbus_mpy.watchdog",)
    ),
    "rotation": Slice(
        "the change of a key, this node's or a peer's",
        ("pairing", "keyfile"),
        (*_of("dsoftbus.trust", "rotation promise nextkey"), "dsoftbus_mpy.nextkey"),
    ),
    "echo": Slice("the stream that gives back what it brings", (), ("dsoftbus_mpy.echo",)),
    "files": Slice(
        "the file streams of the command line",
        ("asyncio", "text", "echo"),
        ("dsoftbus.file_names", *_of("dsoftbus_mpy", "folder files")),
    ),
    "config": Slice("config.json, checked", ("core",), ("dsoftbus_mpy.config",)),
    "setup": Slice(
        "what a board's node begins with",
        ("config", "needs"),
        ("dsoftbus_mpy.setup",),
        ("line", "console"),
    ),
    "startup": Slice(
        "the order in which a board's start takes the heap",
        ("core",),
        ("dsoftbus_mpy.startup",),
        ("no-memory",),
    ),
    "no-memory": Slice(
        "what becomes of a start that lacked memory", ("core",), ("dsoftbus_mpy.no_memory",)
    ),
    "board-node": Slice(
        "a board's node as its config.json says",
        ("asyncio", "trust", "setup", "keyfile", "echo", "startup"),
        ("dsoftbus_mpy.board_node",),
    ),
    "board": Slice(
        "how a board's node is begun", ("startup", "board-node"), ("dsoftbus_mpy.board",)
    ),
    "cable-node": Slice(
        "the least node of a board as its config.json says: a line and a list of keys",
        ("loop-serial", "setup", "startup"),
        ("dsoftbus_mpy.cable_node",),
        ("keyfile",),
    ),
    "cable": Slice(
        "how the least node is begun", ("startup", "cable-node"), ("dsoftbus_mpy.cable",)
    ),
    "program": Slice(
        "`micropython -m dsoftbus_mpy`, and invitations",
        ("files", "discovery", "rotation", "naming", "names", "keyfile"),
        (
            "dsoftbus.trust.invitation",
            "dsoftbus.trust.hints",
            "dsoftbus_mpy.console",
            "dsoftbus_mpy.__main__",
        ),
    ),
}


# What programs on a board may import by its name. The rest is for the project's own modules.
PUBLIC = (
    *_of("dsoftbus", "const datagram_pump errors identity node pump"),
    "dsoftbus.crypto.suite",
    *_of("dsoftbus.session", "events session streams"),
    *_of("dsoftbus.trust", "acl guard invitation store"),
    *_of("dsoftbus_mpy", "board bus cable config connection console crypto discovery"),
    *_of(
        "dsoftbus_mpy",
        "console_port echo entropy files keeper keyfile uart_port line_discovery loop loop_serial",
    ),
    *_of("dsoftbus_mpy", "node profiles serial starts storefile stream watch watchdog wifi"),
)
# Names without an underscore that these have for each other, and not for programs.
BETWEEN_US = _words(
    """
    abandon admit adopt allow_messages announce_soon answer cancel_loan context end_with_session
    evicted finishing free_id keep_loan late_ms loan loan_at next_for_s next_public note_reset
    note_writable notify on_established on_released parting pending
    readable_event receive_credit released stir take_loan track turn_ended turn_if_owed
    unsaved wake_by want_writable welcomes
    """
)
# Slices with machine code: for boards that can run it.
MACHINE_CODE = ("machine", "kernels", "thumb", "blake2s")
# What takes the place of a slice on a Cortex-M.
_ON_CORTEX_M = {"kernels": "thumb"}
# Modules that are files of their own on a board: packages, and tables that few ask for.
LOOSE = ("dsoftbus", "dsoftbus_mpy", "dsoftbus.const", "dsoftbus.labels", "dsoftbus_mpy.profiles")


def path_of(module: str) -> str:
    """Where a module's source lies, from the project's folder."""
    parts = module.split(".")
    base = "/".join([ROOTS[parts[0]], *parts])
    return f"{base}.py" if (PROJECT / f"{base}.py").exists() else f"{base}/__init__.py"


def source_of(module: str) -> str:
    return (PROJECT / path_of(module)).read_text(encoding="utf-8")


def made_for(architecture: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """These slices as a board with this machine code has them: `mpy-cross -march` names it."""
    if not is_cortex_m(architecture):
        return names
    return tuple(_ON_CORTEX_M.get(name, name) for name in names)


def is_cortex_m(architecture: str) -> bool:
    """Whether it runs Thumb instructions and no others: armv6m, armv7m, armv7em..."""
    return architecture.startswith("armv") and "m" in architecture[5:]


def closure(names: tuple[str, ...], late: bool = True) -> list[str]:
    """These slices and all that they need, each before those that need it, and (`late`) those
    that are loaded later."""
    found = _needed(names)
    afterwards = [name for known in found for name in SLICES[known].late] if late else []
    return list(dict.fromkeys([*found, *_needed(tuple(afterwards))]))


def _needed(names: tuple[str, ...]) -> list[str]:
    found: dict[str, None] = {}
    for name in names:
        for needed in (*_needed(SLICES[name].needs), name):
            found[needed] = None
    return list(found)


def modules(names: tuple[str, ...]) -> list[str]:
    """All modules of these slices and of what they need, as they are imported."""
    return [module for name in closure(names) for module in modules_of(name)]


def modules_of(name: str) -> list[str]:
    """The modules of one slice, as they are imported."""
    return [module.removesuffix(".__init__") for module in SLICES[name].modules]


def unfolded(names: tuple[str, ...]) -> list[str]:
    """As `modules`, and what their sources import besides: the constants that `build` would have
    written into them."""
    found = dict.fromkeys(modules(names))
    for module in list(found):
        found |= dict.fromkeys(_imported_by(module))
    return list(found)


def _imported_by(module: str) -> Iterator[str]:
    """The modules of ours that a source imports as soon as it is imported itself."""
    for node in ast.parse(source_of(module)).body:
        if isinstance(node, ast.ImportFrom) and node.module in _EVERY:
            yield node.module


def every_module() -> list[str]:
    """The modules of all slices."""
    return modules(tuple(SLICES))


_EVERY = frozenset(every_module())
