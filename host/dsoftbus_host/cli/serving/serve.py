"""`dsoftbus serve`: a node that stores and serves files."""

from __future__ import annotations

import asyncio
import functools
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from dsoftbus.const import EV_DENIED, EV_KEY_DUE
from dsoftbus.mux.events import NodeEvent
from dsoftbus_host import address, event_loop, files
from dsoftbus_host.bare_bus import ANYONE, BareBus
from dsoftbus_host.cli.common import BYTES, PORT, command, console, node_name
from dsoftbus_host.cli.reach import Place, place_options
from dsoftbus_host.cli.serving import serve_log
from dsoftbus_host.cli.serving.service_manager import serve_until
from dsoftbus_host.discovery import interfaces
from dsoftbus_host.display import time_log
from dsoftbus_host.links.certificate import Certificate
from dsoftbus_host.links.listening import EVERYWHERE
from dsoftbus_host.storage import secret_files, serving_note
from dsoftbus_host.upkeep import next_key

_PEM = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("serve")
@place_options
@click.option("--host", show_default="every one", help="Address to listen on.")
@click.option(
    "--port", type=PORT, default=37020, show_default=True, help="Port to listen on; 0 for any."
)
@click.option("--quic", type=PORT, help="Take sessions over QUIC, too, at this port; 0 for any.")
@click.option("--ws", type=PORT, help="The same over WebSockets.")
@click.option(
    "--cert",
    type=_PEM,
    show_default="one of its own for QUIC, and no TLS for WebSockets",
    help="The certificate of these, which makes the latter wss://.",
)
@click.option("--cert-key", type=_PEM, help="Its key.")
@click.option("--name", default="", show_default="the host's name")
@click.option(
    "--dir",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    show_default="this user's folder for it",
    help="Where peers store and fetch files: a folder for that and nothing else.",
)
@click.option(
    "--quota",
    type=BYTES,
    metavar="BYTES",
    help="How much may lie in it, in bytes or as 500M, 20G.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="KEY",
    help="Let this peer connect, and not those that are paired; repeatable.",
)
@click.option("--anyone", is_flag=True, help="Let every peer connect that proves some key.")
@command
def serve(
    place: Place,
    host: str | None,
    port: int,
    quic: int | None,
    ws: int | None,
    cert: Path | None,
    cert_key: Path | None,
    name: str,
    folder: Path | None,
    quota: int | None,
    allow: tuple[str, ...],
    anyone: bool,
) -> None:
    """Store and serve files for paired peers.

    It prints a line with its time for every file that a peer stores or fetches, and for all that
    is refused.
    """
    if (cert is None) != (cert_key is None):
        raise click.UsageError("--cert and --cert-key go together")
    certificate = None if cert is None or cert_key is None else (cert, cert_key)
    links = _Links(quic, ws, certificate)
    time_log(serve_log.TIME)
    folder = folder or files.made_folder()
    secret_files.keep_apart(folder)
    allowed = [address.public_key(text) for text in allow]
    key = next_key.load(place.key_path)
    with serving_note.held(place.key_path) as note:
        serving = _Serving(folder, quota, note)
        if not allowed and not anyone:
            event_loop.run(_serve_paired(place, name, host, port, links, serving))
            return
        own_name = node_name(name or socket.gethostname())
        bus = BareBus(key, own_name, allow=ANYONE if anyone else allowed)
        event_loop.run(_serve(bus, host or EVERYWHERE, port, links, serving))


class _Links(NamedTuple):
    """The links beside TCP and UDP: their ports, and the certificate of their TLS."""

    quic: int | None
    ws: int | None
    certificate: Certificate | None

    def ports(self) -> Iterator[tuple[str, int]]:
        web = "wss" if self.certificate else "ws"
        for link, port in (("quic", self.quic), (web, self.ws)):
            if port is not None:
                yield link, port


class _Serving(NamedTuple):
    """The folder that is served, and the note of it for `dsoftbus status`."""

    folder: Path
    quota: int | None
    note: serving_note.ServingNote

    def begin(self, bus: BareBus, ports: dict[str, int]) -> None:
        log = functools.partial(serve_log.say_transfer, self.folder)
        bus.share(self.folder, self.quota, log)
        files.serve_echo(bus)
        folder = str(self.folder.resolve())
        console.print(f"{bus.id} serves {folder}")
        hosts = interfaces.reachable(bus.places)
        addresses = [
            str(address.Address(bus.public, host, port, link))
            for link, port in ports.items()
            for host in hosts
        ]
        for there in addresses:
            console.print(f"peers reach it as  {there}")
        said = {"since": time.strftime(serve_log.TIME), "folder": folder, "addresses": addresses}
        self.note.write(**said)
        bus.spawn(serve_log.watch_sleepers(bus, self.note, said))


async def _serve(bus: BareBus, host: str, port: int, links: _Links, serving: _Serving) -> None:
    async with bus:
        ports = {"tcp": await bus.listen(host, port, "auto")}
        for link, other in links.ports():
            ports[link] = await bus.listen(host, other, link, links.certificate)
        serving.begin(bus, ports)
        await serve_until(asyncio.Event())


async def _serve_paired(
    place: Place, name: str, host: str | None, port: int, links: _Links, serving: _Serving
) -> None:
    """Serves by the trust store, and is found by discovery; anew whenever the node has a new
    key."""
    while True:
        rotated = asyncio.Event()

        def on_event(event: NodeEvent, rotated: asyncio.Event = rotated) -> None:
            if event.kind == EV_KEY_DUE:
                rotated.set()
            elif event.kind == EV_DENIED:
                serve_log.say_denied(event, bus.guard.store)

        services = ("share", "echo")
        async with place.bus(
            on_event,
            name,
            host=host,
            port=port,
            quic=links.quic,
            ws=links.ws,
            certificate=links.certificate,
            services=services,
        ) as bus:
            place.ask(bus)
            serving.begin(bus, {"tcp": bus.port, **bus.ports})
            if not len(bus.guard.store):
                console.print("nobody is paired, so nobody may connect; `dsoftbus pair` pairs")
            await serve_until(rotated)
        serve_log.say("this node has a new key")
