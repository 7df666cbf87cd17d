"""The slices that a board's node is put together from: defined here, and nowhere else.

Deployment, the generated `manifest.py` and `package.json` of each board, and the table of memory
all read this file. A module is named as it is imported; each belongs to one slice.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import NamedTuple

from dsoftbus_host.board.make.broker_slices import BROKER
from dsoftbus_host.board.make.path_slices import PATHS
from dsoftbus_host.board.make.service_slices import ON_BOARDS, SERVICES, SLEEPER
from dsoftbus_host.board.make.slice import Slice, of
from dsoftbus_host.board.make.trust_slices import TRUST

_HOME = Path(__file__).resolve().parents[3]  # where the packages of the host lie
_CHECKOUT = (_HOME.parent / "micropython").is_dir()  # else all packages lie side by side
PROJECT = _HOME.parent if _CHECKOUT else _HOME
ROOTS = {
    **dict.fromkeys(("dsoftbus", "dsoftbus_aio", "dsoftbus_sim"), "core" if _CHECKOUT else "."),
    "dsoftbus_mpy": "micropython" if _CHECKOUT else ".",
}
BOARDS = PROJECT / "boards" if _CHECKOUT else _HOME / "dsoftbus_host" / "boards"


SLICES = {
    "core": Slice(
        "what every node has: identity, sessions, streams, clock, entropy",
        (),
        (
            *("dsoftbus", "dsoftbus_mpy.base.rare", "dsoftbus.errors"),
            *of("dsoftbus.base", "codec ticks spares"),
            "dsoftbus.identity",
            *of("dsoftbus.crypto", "__init__ hkdf suite"),
            "dsoftbus.noise.cipher_state",
            "dsoftbus.session.__init__",
            *of("dsoftbus.mux", "events frames"),
            "dsoftbus.session.node_config",
            *of("dsoftbus.mux", "stream_states ring stream admission scheduler mux keepalive"),
            *of("dsoftbus.session", "session session_table"),
            *of("dsoftbus", "base handshake line mux noise packet record"),
            "dsoftbus_mpy",
            *of("dsoftbus_mpy", "base device kernels links noise_source clock crypto entropy"),
            *of("dsoftbus_mpy.base", "overlay secret_files"),
            "dsoftbus_mpy.node",
        ),
        ("handshake", "messages", "text"),
    ),
    "keyfile": Slice(
        "the file of a node's secret",
        ("core",),
        ("dsoftbus.base.key_file", "dsoftbus_mpy.key_file"),
    ),
    "text": Slice(
        "what a name may be beyond ASCII, and how text of others is printed",
        ("core",),
        ("dsoftbus.base.names", "dsoftbus_mpy.base.display"),
    ),
    "messages": Slice("streams of whole messages", ("core",), ("dsoftbus.mux.message_stream",)),
    "handshake": Slice(
        "what begins a session, and leaves the heap afterwards",
        ("core",),
        (
            "dsoftbus.noise.handshake_state",
            *of("dsoftbus.handshake", "hello handshake datagram_handshake establish"),
        ),
    ),
    "arrivals": Slice(
        "what handshakes may cost, and who gives way; leaves the heap afterwards",
        ("core",),
        ("dsoftbus.handshake.arrivals",),
    ),
    "tickets": Slice(
        "tickets of sessions, which shorten the next ones",
        ("core",),
        of("dsoftbus.resume", "__init__ ticket access kept tickets"),
        ("taken-tickets", "resuming"),
    ),
    "taken-tickets": Slice(
        "tickets that are taken from peers", ("tickets",), ("dsoftbus.resume.taken",)
    ),
    "resuming": Slice(
        "a handshake with a ticket, and what it leaves; leaves the heap afterwards",
        ("tickets", "handshake"),
        of("dsoftbus.resume", "resumed_state showing leaving ticket_text"),
    ),
    "backoff": Slice("waits that grow with each failure", ("core",), ("dsoftbus.base.backoff",)),
    "node": Slice(
        "a node of several links: sessions on streams, discovery and trust where they are there",
        ("core",),
        (
            *of("dsoftbus", "mux.windows node base.token_bucket"),
            "dsoftbus_mpy.base.room",
        ),
    ),
    "names": Slice(
        "constants, profiles and labels, for programs that ask for them",
        ("sleep-times",),
        (
            "dsoftbus.const",
            "dsoftbus.base.labels",
            "dsoftbus.packet.drop_labels",
            "dsoftbus_mpy.profiles",
        ),
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
        of("dsoftbus_mpy.kernels", "copy x25519"),
    ),
    "kernels": Slice(
        "crypto in machine code, as the viper emitter makes it",
        ("machine",),
        of("dsoftbus_mpy.kernels", "field25519 chacha20 poly1305 chachapoly"),
    ),
    "thumb": Slice(
        "crypto in Thumb instructions, for every Cortex-M",
        ("machine",),
        (
            *of("dsoftbus_mpy.kernels", "thumb_field25519 thumb_chacha20 thumb_poly1305"),
            "dsoftbus_mpy.kernels.thumb_chachapoly",
        ),
    ),
    "blake2s": Slice(
        "the second suite of hashes",
        ("core",),
        ("dsoftbus.crypto.blake2s", "dsoftbus_mpy.kernels.blake2s"),
    ),
    "sockets": Slice("sockets and their addresses", ("core",), ("dsoftbus_mpy.links.sockets",)),
    "stream": Slice(
        "sessions on links that carry a stream of bytes",
        ("node", "sockets"),
        (
            *of("dsoftbus.record", "records protect"),
            "dsoftbus.session.stream_session",
            "dsoftbus.pump",
            "dsoftbus_mpy.links.tcp",
        ),
        ("arrivals",),
    ),
    "datagram": Slice(
        "sessions on links that carry datagrams",
        ("core",),
        (
            *of("dsoftbus.packet", "drops replay packets rtt acks flow recovery segments"),
            "dsoftbus.packet.reliable",
            *of("dsoftbus.session", "datagram_session point_to_point shared_network endpoint"),
            "dsoftbus.datagram_pump",
        ),
        ("openings", "paths", "elsewhere", "unreliable", "cookies"),
    ),
    "wide": Slice(
        "packets beyond 1200 bytes: of hosts, and of no board",
        ("datagram",),
        of("dsoftbus.packet", "growing path_mtu parts wide"),
    ),
    "chunks": Slice(
        "what streams of a host receive into, and those of no board",
        ("core",),
        ("dsoftbus.mux.chunks",),
    ),
    "unreliable": Slice(
        "unreliable messages",
        ("datagram",),
        ("dsoftbus.packet.unreliable", "dsoftbus.session.unreliable"),
    ),
    "openings": Slice(
        "what becomes of flights and openings, and leaves the heap afterwards",
        ("datagram", "arrivals"),
        of("dsoftbus.session", "flights incoming"),
    ),
    **PATHS,
    "cookies": Slice(
        "what shows where an opening is from", ("core",), ("dsoftbus.session.cookies",)
    ),
    "congestion": Slice(
        "what datagrams on networks need: congestion control, gaps in packet numbers",
        ("datagram",),
        of("dsoftbus.packet", "congestion gaps"),
        ("path-model",),
    ),
    "path-model": Slice(
        "congestion control by a model of the path, for profiles that ask for it",
        ("congestion",),
        ("dsoftbus.packet.bbr",),
    ),
    "asyncio": Slice(
        "the Bus for programs on asyncio",
        ("node",),
        (
            *of("dsoftbus_aio", "__init__ stream connection bus"),
            *of("dsoftbus_mpy", "runtime bare_bus"),
        ),
        ("bus-messages", "calling", "path-text"),
    ),
    "calling": Slice(
        "sessions that begin", ("core",), ("dsoftbus_aio.calling", "dsoftbus_mpy.links.calling")
    ),
    "own-bus": Slice(
        "the Bus of a program that is a board's node itself",
        ("board-node",),
        ("dsoftbus_mpy.bus",),
        ("board-start", "names", *SLEEPER),
    ),
    "bus-messages": Slice(
        "streams of whole messages, for the Bus",
        ("asyncio", "messages"),
        ("dsoftbus_aio.message_stream",),
    ),
    "tcp": Slice("TCP for the Bus", ("asyncio", "stream"), ("dsoftbus_aio.stream_port",)),
    "loop": Slice(
        "a bare poll() loop, for programs without asyncio", ("stream",), ("dsoftbus_mpy.loop",)
    ),
    "ports": Slice(
        "datagram links for the Bus", ("asyncio", "datagram"), ("dsoftbus_aio.datagram_port",)
    ),
    "udp-socket": Slice(
        "a UDP socket as a link",
        ("congestion", "sockets"),
        ("dsoftbus_mpy.links.udp_link",),
    ),
    "udp": Slice("UDP for the Bus", ("ports", "udp-socket"), ("dsoftbus_mpy.links.udp",)),
    "loop-udp": Slice(
        "UDP for the bare loop", ("loop", "udp-socket"), ("dsoftbus_mpy.links.loop_udp",)
    ),
    "line": Slice(
        "a serial line as a link",
        ("datagram",),
        of("dsoftbus.line", "cobs line line_link"),
    ),
    "uart": Slice("a UART as a line's port", ("core",), ("dsoftbus_mpy.uart_port",)),
    "console": Slice(
        "the console as a line's port",
        ("core",),
        ("dsoftbus_mpy.console_port",),
        ("console-keys",),
    ),
    "console-keys": Slice("keys at a console", ("core",), ("dsoftbus_mpy.base.console_keys",)),
    "serial": Slice(
        "serial lines for the Bus",
        ("ports", "line"),
        ("dsoftbus_aio.line_port", "dsoftbus_mpy.serial"),
    ),
    "loop-serial": Slice(
        "a bare loop for a cable, and a node that has nothing else",
        ("line",),
        ("dsoftbus_mpy.loop_serial",),
    ),
    **TRUST,
    "announcements": Slice(
        "what a node says of itself",
        ("core",),
        (
            *of("dsoftbus.discovery", "__init__ announce announcer"),
            "dsoftbus_mpy.device.boot_counter",
        ),
    ),
    "peers": Slice(
        "the table of peers",
        ("announcements", "backoff", "node"),
        ("dsoftbus.base.shares", "dsoftbus.discovery.peers"),
        ("doubts",),
    ),
    "doubts": Slice(
        "announcements that do not follow, or have another length; leaves the heap afterwards",
        ("peers",),
        of("dsoftbus.discovery", "doubts padding"),
    ),
    "discovery": Slice(
        "announcements on a network, and the table of peers",
        ("asyncio", "trust", "peers"),
        ("dsoftbus_aio.discovery", "dsoftbus_mpy.discovery"),
    ),
    "line-announcements": Slice(
        "announcements on a serial line",
        ("line", "announcements"),
        ("dsoftbus.discovery.serial_discovery",),
    ),
    "line-discovery": Slice(
        "discovery over a serial line, for the Bus",
        ("serial", "line-announcements"),
        ("dsoftbus_aio.line_discovery",),
    ),
    "peer": Slice(
        "peers by name, and sessions that come back by themselves",
        ("peers", "naming", "peer-names"),
        ("dsoftbus.discovery.reconnect", *of("dsoftbus_aio", "reconnecting_session peer")),
    ),
    "noise": Slice(
        "random bytes out of hardware noise, for boards",
        ("core",),
        of("dsoftbus_mpy.noise_source", "health_tests drbg conditioner samples"),
        ("keyfile", "sources"),
    ),
    "sources": Slice(
        "what makes noise; leaves the heap", ("noise",), ("dsoftbus_mpy.noise_source.sources",)
    ),
    "needs": Slice(
        "what a port must have, refused at the start where it has not",
        ("core",),
        ("dsoftbus_mpy.capabilities",),
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
        (
            *of("dsoftbus.trust", "rotation promise next_key_file"),
            "dsoftbus_mpy.device.next_key_file",
        ),
    ),
    "echo": Slice("the stream that gives back what it brings", (), ("dsoftbus_aio.echo",)),
    **SERVICES,
    **BROKER,
    "config": Slice("config.json, checked", ("core",), ("dsoftbus_mpy.device.config",)),
    "setup": Slice(
        "what a board's node begins with",
        ("config", "needs"),
        ("dsoftbus_mpy.device.setup",),
        ("line", "console", "console-keys", "uart"),
    ),
    "startup": Slice(
        "a board's start, and what becomes of one that lacks memory",
        ("core",),
        ("dsoftbus_mpy.device.startup",),
        ("start-order", "no-memory"),
    ),
    "start-order": Slice(
        "the order in which a board's start takes the heap; leaves the heap afterwards",
        ("core",),
        ("dsoftbus_mpy.device.start_order",),
    ),
    "no-memory": Slice(
        "what becomes of a start that lacked memory", ("core",), ("dsoftbus_mpy.device.no_memory",)
    ),
    "board-node": Slice(
        "a board's node as its config.json says",
        ("asyncio", "trust", "startup"),
        ("dsoftbus_mpy.device.board_node",),
        ("board-start", "console", "console-keys", "uart", "keyfile", "trial"),
    ),
    "board-start": Slice(
        "how a board's node is begun; leaves the heap afterwards",
        ("board-node", "setup", "echo"),
        ("dsoftbus_mpy.device.board_start",),
    ),
    "trial": Slice("a new version on trial", ("board-node",), ("dsoftbus_mpy.device.trial",)),
    "board": Slice(
        "how a board's node is begun", ("startup", "board-node"), ("dsoftbus_mpy.board",)
    ),
    "cable-node": Slice(
        "the least node of a board as its config.json says: a line and a list of keys",
        ("loop-serial", "setup", "startup"),
        ("dsoftbus_mpy.device.minimal_node",),
        ("keyfile",),
    ),
    "cable": Slice(
        "how the least node is begun", ("startup", "cable-node"), ("dsoftbus_mpy.board_minimal",)
    ),
    "program": Slice(
        "`micropython -m dsoftbus_mpy`, and invitations",
        (
            *("files", "sending", "echo", "discovery", "rotation", "naming", "names", "keyfile"),
            "base32-text",
        ),
        (
            *of("dsoftbus.trust", "invitation hints"),
            *of("dsoftbus_mpy", "base.collector device.console __main__"),
        ),
    ),
}


class Spare(NamedTuple):
    """A slice that a board's node can do without. `stays` are slices that it needs and that do
    something by themselves; `at_start`: a start loads it, others are loaded by who asks for them.
    """

    stays: tuple[str, ...] = ()
    at_start: bool = True


SPARE = {
    "line-discovery": Spare(("serial",)),
    "discovery": Spare(),
    "tcp": Spare(),
    "udp": Spare(),
    "wifi": Spare(),
    "files": Spare(at_start=False),
    "watchdog": Spare(at_start=False),
    "peer": Spare(at_start=False),
    "own-bus": Spare(at_start=False),
    "names": Spare(at_start=False),
    **dict.fromkeys(ON_BOARDS, Spare(at_start=False)),
}
# Slices with machine code: for boards that can run it.
MACHINE_CODE = ("machine", "kernels", "thumb", "blake2s")
# What takes the place of a slice on a Cortex-M.
_ON_CORTEX_M = {"kernels": "thumb"}
# Modules that are files of their own on a board: packages, and tables that few ask for.
LOOSE = (
    *("dsoftbus", "dsoftbus_aio", "dsoftbus_mpy", "dsoftbus_mpy.profiles"),
    *of("dsoftbus", "const base.labels"),
)


def path_of(module: str) -> str:
    """Returns the path of a module's source, from the project's folder."""
    parts = module.split(".")
    base = "/".join([ROOTS[parts[0]], *parts])
    return f"{base}.py" if (PROJECT / f"{base}.py").exists() else f"{base}/__init__.py"


def source_of(module: str) -> str:
    return (PROJECT / path_of(module)).read_text(encoding="utf-8")


def made_for(architecture: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """These slices as a board with this machine code has them: `mpy-cross -march` names it."""
    other = _ON_CORTEX_M if is_cortex_m(architecture) else {}
    return tuple(other.get(name, name) for name in names)


def is_cortex_m(architecture: str) -> bool:
    """Returns whether it runs Thumb instructions and no others: armv6m, armv7m, armv7em..."""
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


def without(names: tuple[str, ...], spare: str) -> tuple[str, ...]:
    """These slices without a `SPARE` one."""
    left = tuple(name for name in names if name != spare)
    return (*(name for name in SPARE[spare].stays if name not in left), *left)


def gone(names: tuple[str, ...], spare: str, late: bool = True) -> list[str]:
    """All slices that `closure` has no more then."""
    left = closure(without(names, spare), late)
    return [name for name in closure(names, late) if name not in left]


def modules(names: tuple[str, ...]) -> list[str]:
    """All modules of these slices and of what they need, as they are imported."""
    return [module for name in closure(names) for module in modules_of(name)]


def modules_of(name: str) -> list[str]:
    """The modules of one slice, as they are imported."""
    return [module.removesuffix(".__init__") for module in SLICES[name].modules]


def unfolded(names: tuple[str, ...]) -> list[str]:
    """Returns `modules`, and what their sources import besides: the constants that `compiler`
    would have written into them."""
    own = modules(names)
    imported = (module for each in own for module in _imported_by(each))
    return list(dict.fromkeys([*own, *imported]))


@functools.cache  # of all boards' slices, most are the same
def _imported_by(module: str) -> tuple[str, ...]:
    """The modules of ours that a source imports as soon as it is imported itself."""
    body = ast.parse(source_of(module)).body
    origins = (node.module or "" for node in body if isinstance(node, ast.ImportFrom))
    return tuple(origin for origin in origins if origin in every_module())


@functools.cache
def every_module() -> tuple[str, ...]:
    """The modules of all slices."""
    return tuple(modules(tuple(SLICES)))
