"""Commands that look around: discover, and pair."""

from __future__ import annotations

import asyncio
import io
import os

import click
import segno
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dsoftbus.const import (
    EV_NAME_WARNING,
    EV_PAIR_DIGITS,
    EV_PAIR_FAILED,
    EV_PAIRED,
    LINK_LINE,
)
from dsoftbus.discovery.announce import FLAG_PAIRING, FLAG_TOKEN
from dsoftbus.errors import (
    BAD_ARGUMENT,
    PAIRING_LIMIT,
    PAIRING_TIMEOUT,
    TRUST_REVOKED,
    BusError,
    LocalError,
    PeerError,
    label,
)
from dsoftbus.session.events import NodeEvent
from dsoftbus.trust import invitation
from dsoftbus.trust.acl import grant
from dsoftbus.trust.invitation import TOKEN_BYTES, Invitation
from dsoftbus_host import address, interfaces
from dsoftbus_host.cli_reach import Place, place_options
from dsoftbus_host.clock import now_ms
from dsoftbus_host.nearby import LINK_NAMES, Nearby
from dsoftbus_host.screen import cell
from dsoftbus_host.terminal import (
    advise,
    ask_secret,
    command,
    console,
    short_id,
    warn_of_argument,
)

_TOKEN_ONLY = "It says that it pairs by its token only: `dsoftbus pair -` asks for its invitation."
_REFRESH_S = 0.25
_ASK_MS = 10000  # between probes: three fit in a lifetime, and they may be lost
_WAIT_S = 300  # as long as the desk is open


@click.command("discover")
@place_options
@click.option("--seconds", type=float, help="End after so long; without it, at Ctrl-C.")
@command
def discover(
    place: Place,
    seconds: float | None,
) -> None:
    """Show the nodes around, as they come and go."""
    asyncio.run(_discover(place, seconds))


async def _discover(place: Place, seconds: float | None) -> None:
    end = None if seconds is None else now_ms() + seconds * 1000
    async with place.nearby(_ignore, listen=None) as nearby:
        asked = -_ASK_MS
        with Live(console=console, auto_refresh=False) as live:
            while end is None or now_ms() < end:
                if now_ms() - asked >= _ASK_MS:
                    asked = now_ms()
                    place.ask(nearby)
                live.update(_peer_table(nearby), refresh=True)
                await asyncio.sleep(_REFRESH_S)


def _peer_table(nearby: Nearby) -> Table:
    table = Table("name", "id", "", "where", "services", box=None)
    for peer in sorted(nearby.peers, key=lambda peer: (peer.name, peer.id)):
        trusted = nearby.guard.store.get(peer.id) is not None
        state = "trusted" if trusted else _says(peer.flags)
        where = [_where(*route) for route in peer.routes()]
        table.add_row(
            cell(peer.name or "-"),
            cell(peer.id),
            state,
            cell(where),
            cell(" ".join(peer.services)),
            style=None if peer.online else "dim",
        )
    return table


def _says(flags: int) -> str:
    """How a stranger says that it pairs."""
    if flags & FLAG_PAIRING:
        return "takes pairings"
    return "takes its token" if flags & FLAG_TOKEN else ""


def _where(kind: int, host: str, port: int) -> str:
    if kind == LINK_LINE:
        return f"serial {host}" + (f" channel {port}" if port else "")
    return f"{LINK_NAMES.get(kind, kind)}://{host}:{port}"


@click.command("pair")
@click.argument("peer", required=False)
@place_options
@click.option(
    "--grant",
    "grants",
    multiple=True,
    default=("allow both *",),
    show_default=True,
    metavar="RULE",
    help="What the peer may do from then on; repeatable.",
)
@click.option("--token", is_flag=True, help="Show an invitation as a QR code: no digits needed.")
@command
def pair(
    peer: str | None,
    place: Place,
    grants: tuple[str, ...],
    token: bool,
) -> None:
    """Pair with PEER: a name or an id; or `-`, to be asked for an invitation (dsoftbus:...).

    Without PEER, wait five minutes for one that asks. An invitation holds a token, which is a
    secret: with `-` it is typed or pasted without an echo, or is the first line of the standard
    input. As PEER itself it is taken, too, but others on this machine can read it there.
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
    asyncio.run(_pair(place, place.nearby(events.put_nowait, grants=rules), events, peer, token))


async def _pair(
    place: Place,
    nearby: Nearby,
    events: asyncio.Queue[NodeEvent],
    peer: str | None,
    token: bool,
) -> None:
    async with nearby:
        place.ask(nearby)
        wanted: str | None = None
        if peer is None:
            _wait_for_anyone(nearby, token)
        elif _is_invitation(peer):
            invited = invitation.decode(peer)
            wanted = invited.id
            await _accept_invitation(nearby, invited)
        else:
            device = await nearby.heard(peer)
            if nearby.peers.get(device).flags & FLAG_TOKEN:
                console.print(_TOKEN_ONLY)
            connection = await nearby.connect(device)
            wanted = connection.peer_id  # it may have another key by now
            nearby.guard.pair(connection.session, now_ms())
        try:
            await asyncio.wait_for(_Person(nearby, events, wanted).follow(), _WAIT_S)
        except asyncio.TimeoutError:
            raise LocalError(PAIRING_TIMEOUT) from None


def _is_invitation(peer: str) -> bool:
    return peer.lower().startswith("dsoftbus:")


def _wait_for_anyone(nearby: Nearby, token: bool) -> None:
    if not token:
        nearby.take_pairings()
    console.print(f"waiting for a peer to pair with {nearby.bus.node.local.name}")
    console.print(f"this node's id is {nearby.bus.id}")
    if token:
        secret = os.urandom(TOKEN_BYTES)
        nearby.take_token(secret)
        hosts = [i.address for i in interfaces.all_interfaces() if i != interfaces.LOOPBACK]
        places = [f"tcp://{host}:{nearby.port}" for host in hosts[:3]]
        made = Invitation(nearby.bus.public, secret, nearby.bus.node.local.name, places)
        show_invitation(made.encode())


def show_invitation(uri: str) -> None:
    """As text, and as a QR code for a camera."""
    drawn = io.StringIO()
    segno.make_qr(uri).terminal(drawn, compact=True, border=2)
    console.print(Text(drawn.getvalue()), soft_wrap=True)
    console.print(uri)


async def _accept_invitation(nearby: Nearby, invited: Invitation) -> None:
    """Connects with the token: who answers has it too, or the handshake fails."""
    failure: BusError | OSError | None = None
    for link, host, port in await _places(nearby, invited):
        try:
            await nearby.bus.connect(host, port, invited.public, psk=invited.psk, link=link)
        except (BusError, OSError) as error:
            failure = error
        else:
            return
    raise failure or LocalError(PAIRING_TIMEOUT, "nobody was there")


async def _places(nearby: Nearby, invited: Invitation) -> list[tuple[str, str, int]]:
    """(link, host, port): of the invitation, or those under which its node is heard."""
    places = []
    for text in invited.addresses:
        link, _, place = text.partition("://")
        host, _, port = place.rpartition(":")
        number = address.port_of(port)
        if link in address.LINKS and number:
            places.append((link, host.strip("[]"), number))
    if not places:
        peer = nearby.peers.get(await nearby.heard(invited.id))
        routes = [route for route in peer.routes() if route[0] in LINK_NAMES]
        places = [(LINK_NAMES[kind], host, port) for kind, host, port in routes]
    return places


class _Person:
    """Asks the person what there is to ask, until `wanted` has paired, or with None anyone.

    Only that, the person and the time end it: whoever else tries and fails is reported.
    """

    def __init__(
        self, nearby: Nearby, events: asyncio.Queue[NodeEvent], wanted: str | None
    ) -> None:
        self._nearby = nearby
        self._events = events
        self._wanted = wanted

    async def follow(self) -> None:
        """Raises PeerError where the peer that was wanted does not pair, LocalError where no more
        attempts are taken."""
        while True:
            event = await self._events.get()
            name = event.name or short_id(event.peer)
            concerns = self._wanted in (None, event.peer)
            if event.kind == EV_NAME_WARNING:
                console.print(_warning(name, event), style="bold red")
            elif event.kind == EV_PAIR_DIGITS:
                await self._on_digits(event, name, concerns)
            elif event.kind == EV_PAIR_FAILED:
                self._on_failure(event, name, concerns)
            elif event.kind == EV_PAIRED and concerns:
                await self._on_paired(event, name)
                return

    async def _on_digits(self, event: NodeEvent, name: str, concerns: bool) -> None:
        guard = self._nearby.guard
        digits = event.about.pairing.digits
        agreed = concerns and await self._compare(event, name, digits)
        try:
            if agreed:
                guard.confirm(digits)
            elif agreed is False and not event.about.pairing.ended:
                guard.cancel()
        except LocalError as error:  # it ended meanwhile; an event says why
            console.print(f"{name}: {error}")

    async def _compare(self, event: NodeEvent, name: str, digits: str) -> bool | None:
        """What the person says; None where the peer did not wait for that."""
        console.print(f"{name} ({event.peer}) shows the same six digits?")
        console.print(f"{digits[:3]} {digits[3:]}", style="bold")
        question = "The digits are the same on both sides"
        asking = asyncio.ensure_future(asyncio.to_thread(click.confirm, question))
        held: list[NodeEvent] = []
        gone = False
        while not asking.done():
            coming = asyncio.ensure_future(self._events.get())
            await asyncio.wait((asking, coming), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                coming.cancel()
                continue
            held.append(coming.result())
            if (held[-1].kind, held[-1].peer) == (EV_PAIR_FAILED, event.peer) and not gone:
                gone = True
                console.print(f"\n{name} gave up; press Enter")
        for other in held:
            self._events.put_nowait(other)
        answer = asking.result()
        return None if gone else answer

    def _on_failure(self, event: NodeEvent, name: str, concerns: bool) -> None:
        if self._wanted is not None and concerns:
            raise PeerError(event.code, name)
        console.print(f"{name} did not pair: {label(event.code)}")
        if self._wanted is None and not self._nearby.guard.desk.is_open(now_ms()):
            raise LocalError(PAIRING_LIMIT, "so many failed; `dsoftbus pair` takes more")

    async def _on_paired(self, event: NodeEvent, name: str) -> None:
        nearby = self._nearby
        nearby.watch.persist()
        if nearby.guard.store.get(event.peer) is None:
            raise LocalError(TRUST_REVOKED, f"{name}: another command has unpaired it")
        console.print(f"paired with {name} ({event.peer})")
        await _last_word(nearby, event.peer)


def _warning(name: str, event: NodeEvent) -> str:
    known = event.about
    like = "is a name that you know" if known.name == name else f"looks like {known.name}"
    return f"WARNING: {name} ({event.peer}) {like}, but its key is not that of {known.id}"


async def _last_word(nearby: Nearby, device: str) -> None:
    """Ends the sessions in order, so that the peer hears of the agreement first."""
    for connection in nearby.bus.connections(device):
        await connection.close()


def _ignore(event: NodeEvent) -> None:
    """The table shows what there is."""


COMMANDS = (discover, pair)
