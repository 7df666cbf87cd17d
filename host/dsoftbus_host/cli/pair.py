"""The command that pairs this node with another."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os

import click
from rich.text import Text

from dsoftbus.errors import (
    BAD_ARGUMENT,
    PAIRING_TIMEOUT,
    BusError,
    LocalError,
)
from dsoftbus.mux.events import NodeEvent
from dsoftbus.trust import invitation
from dsoftbus.trust.acl import grant
from dsoftbus.trust.invitation import TOKEN_BYTES, Invitation
from dsoftbus_host import address, event_loop
from dsoftbus_host.bus import LINK_NAMES, Bus
from dsoftbus_host.cli.common import (
    advise,
    ask_secret,
    command,
    console,
    grant_option,
    warn_of_argument,
)
from dsoftbus_host.cli.person import Person, seek
from dsoftbus_host.cli.reach import Place, place_options
from dsoftbus_host.cli.terminal import complete
from dsoftbus_host.discovery import interfaces

_WAIT_S = 300  # as long as the desk is open


@click.command("pair")
@click.argument("peer", required=False, shell_complete=complete.peers)
@place_options
@grant_option(help="Grant this to the peer from then on; repeatable.")
@click.option("--token", is_flag=True, help="Show an invitation as a QR code: no digits needed.")
@command
def pair(
    peer: str | None,
    place: Place,
    grants: tuple[str, ...],
    token: bool,
) -> None:
    """Pair with a peer: both trust each other then.

    PEER is a name or an id; or `-`, to be asked for an invitation (dsoftbus:...). It waits five
    minutes until somebody there has given the same command, or `dsoftbus pair`. Without PEER it
    waits for anyone that asks. An invitation holds a token, which is a secret: with `-` it is
    typed or pasted without an echo, or is the first line of the standard input. As PEER itself it
    is taken, too, but others on this machine can read it there.
    """
    if token and peer is not None:
        raise LocalError(BAD_ARGUMENT, "--token shows this node's own invitation, without a PEER")
    if peer == "-":
        peer = ask_secret("invitation")
        if not _is_invitation(peer):
            raise LocalError(BAD_ARGUMENT, "that is no invitation: it begins with `dsoftbus:`")
    elif peer is not None and _is_invitation(peer):
        warn_of_argument("this token", "`dsoftbus pair -` asks for it")
    events: asyncio.Queue[NodeEvent] = asyncio.Queue()
    rules = [grant(text) for text in grants]
    advise(rules, place.trust_path)
    found = peer is None or not _is_invitation(peer)  # else nobody needs to find this node
    bus = place.bus(events.put_nowait, grants=rules, listen=found)
    event_loop.run(_pair(place, bus, events, peer, token))


async def _pair(
    place: Place,
    bus: Bus,
    events: asyncio.Queue[NodeEvent],
    peer: str | None,
    token: bool,
) -> None:
    async with bus:
        place.ask(bus)
        wanted: str | None = None
        if peer is None:
            _wait_for_anyone(bus, token)
        elif _is_invitation(peer):
            invited = invitation.decode(peer)
            wanted = invited.id
            await _accept_invitation(bus, invited)
        else:
            bus.take_pairings()  # the person there may ask first
            wanted = peer
        person = Person(bus, events, wanted)
        named = peer is not None and not _is_invitation(peer)
        try:
            following = _meet(person, place) if named else person.follow()
            await asyncio.wait_for(following, _WAIT_S)
        except asyncio.TimeoutError:
            raise LocalError(PAIRING_TIMEOUT) from None


async def _meet(person: Person, place: Place) -> None:
    """Asks the peer, until the person here and the one there have paired, whoever asked first."""
    tasks = {asyncio.ensure_future(person.follow()), asyncio.ensure_future(seek(person, place))}
    try:
        for done in asyncio.as_completed(tasks):
            await done
            return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_invitation(peer: str) -> bool:
    return peer.lower().startswith("dsoftbus:")


def _wait_for_anyone(bus: Bus, token: bool) -> None:
    if not token:
        bus.take_pairings()
    console.print(f"waiting for a peer to pair with {bus.node.local.name}")
    console.print(f"this node's id is {bus.id}")
    if token:
        secret = os.urandom(TOKEN_BYTES)
        bus.take_token(secret)
        hosts = [h for h in interfaces.reachable(bus.places) if "%" not in h]
        places = [f"tcp://{address.host_port(host, bus.port)}" for host in hosts[:3]]
        made = Invitation(bus.public, secret, bus.node.local.name, places)
        show_invitation(made.encode())


def show_invitation(uri: str) -> None:
    """Shows it as text, and as a QR code for a camera."""
    import segno  # a twentieth of a command's start, for the one that draws

    drawn = io.StringIO()
    segno.make_qr(uri).terminal(drawn, compact=True, border=2)
    with contextlib.suppress(UnicodeEncodeError):  # a terminal that lacks the blocks has no use
        drawn.getvalue().encode(console.encoding)
        console.print(Text(drawn.getvalue()), soft_wrap=True)
    console.print(uri)


async def _accept_invitation(bus: Bus, invited: Invitation) -> None:
    """Connects with the token: who answers has it too, or the handshake fails."""
    failure: BusError | OSError | None = None
    for link, host, port in await _places(bus, invited):
        try:
            await bus.connect(host, port, invited.public, psk=invited.psk, link=link)
        except (BusError, OSError) as error:
            failure = error
        else:
            return
    raise failure or LocalError(PAIRING_TIMEOUT, "nobody was there")


async def _places(bus: Bus, invited: Invitation) -> list[tuple[str, str, int]]:
    """(link, host, port): of the invitation, or those under which its node is heard."""
    places = []
    for text in invited.addresses:
        link, _, place = text.partition("://")
        host, _, port = place.rpartition(":")
        number = address.port_of(port)
        if link in address.LINKS and number:
            places.append((link, host.strip("[]"), number))
    if not places:
        peer = bus.peers.get(await bus.heard(invited.id))
        known = [] if peer is None else peer.routes()
        routes = [route for route in known if route[0] in LINK_NAMES]
        places = [(LINK_NAMES[kind], host, port) for kind, host, port in routes]
    return places
