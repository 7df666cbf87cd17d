"""The person at `dsoftbus pair`: what is asked and said until two nodes have paired."""

from __future__ import annotations

import asyncio
import contextlib

import click

from dsoftbus.const import EV_NAME_WARNING, EV_PAIR_DIGITS, EV_PAIR_FAILED, EV_PAIRED
from dsoftbus.discovery.announce import FLAG_PAIRING, FLAG_TOKEN
from dsoftbus.errors import (
    PAIRING_CLOSED,
    PAIRING_LIMIT,
    STALE_PEER,
    TRUST_REVOKED,
    BusError,
    LocalError,
    PeerError,
)
from dsoftbus.mux.events import NodeEvent
from dsoftbus_host.bus import Bus
from dsoftbus_host.cli.common import console, short_id
from dsoftbus_host.cli.reach import Place
from dsoftbus_host.cli.terminal import words
from dsoftbus_host.cli.terminal.typed import Typed
from dsoftbus_host.clock import now_ms

_TOKEN_ONLY = (
    "it pairs by its token only: `dsoftbus pair -` asks for its invitation, which"
    " `dsoftbus board token PORT` shows for a board"
)
_NOT_YET = (
    "{} takes no pairings yet; waiting until somebody there gives `dsoftbus pair` (a board is"
    " paired by `dsoftbus board token PORT` over its cable, or by its invitation)"
)
_QUESTION = "The digits are the same on both sides [y/N]: "
_AFTER_ONE_THAT_WENT = "Type the six digits if they are the same on both sides, else n: "
_LOOK_S = 0.1
_MOMENT_S = 0.5  # for the agreement of a peer whose person has answered before
_PROBE_S = 10  # between probes: three fit in a lifetime, and they may be lost
_ASKS = 3  # as many as a desk takes in a minute
_AGAIN_S = 5  # after a refusal: the peer may be busy with another


class Person:
    """Asks the person what there is to ask, until `wanted` has paired, or with None anyone.

    Only that, the person and the time end it: whoever else tries and fails is reported.
    """

    def __init__(self, bus: Bus, events: asyncio.Queue[NodeEvent], wanted: str | None) -> None:
        self.bus = bus
        self.wanted = wanted
        self.busy = asyncio.Event()  # the peer has refused: it pairs with somebody
        self.met = False  # digits of `wanted` were shown, and what comes of them ends this
        self._events = events
        self._typed = Typed()
        self._one_went = False  # before the person had answered
        self._notice: asyncio.TimerHandle | None = None  # says whose answer is awaited

    async def follow(self) -> None:
        """Raises PeerError where the peer that was wanted does not pair, LocalError where no more
        attempts are taken."""
        while True:
            event = await self._events.get()
            if self._notice is not None and event.kind in (EV_PAIRED, EV_PAIR_FAILED):
                self._notice.cancel()
            name = event.name or short_id(event.peer)
            concerns = self.wanted is None or self._is_wanted(event.peer)
            if event.kind == EV_NAME_WARNING:
                console.print(_warning(name, event), style="bold red")
            elif event.kind == EV_PAIR_DIGITS:
                await self._on_digits(event, name, concerns)
            elif event.kind == EV_PAIR_FAILED:
                self._on_failure(event, name, concerns)
            elif event.kind == EV_PAIRED and concerns:
                await self._on_paired(event, name)
                return

    def _is_wanted(self, device: str) -> bool:
        """Judges by its id, or by what the person has called it; a name that two have is
        nobody's."""
        if self.wanted == device:
            return True
        with contextlib.suppress(LocalError):
            return self.bus.find(self.wanted or "") == device
        return False

    async def _on_digits(self, event: NodeEvent, name: str, concerns: bool) -> None:
        guard = self.bus.guard
        pairing = event.about.pairing
        self.met = self.met or concerns
        agreed = concerns and await self._compare(event, name, pairing.digits)
        try:
            if agreed:
                guard.confirm(pairing.digits)
                if not pairing.ended:
                    self._await_agreement(name)
            elif agreed is False and not pairing.ended:
                guard.cancel()
        except LocalError as error:  # it ended meanwhile; an event says why
            console.print(words.said(error, name))

    def _await_agreement(self, name: str) -> None:
        """Says who is awaited, unless the answer is on its way already."""
        said = f"waiting for the person at {name} to agree, too"
        loop = asyncio.get_running_loop()
        self._notice = loop.call_later(_MOMENT_S, console.print, said)

    async def _compare(self, event: NodeEvent, name: str, digits: str) -> bool | None:
        """Returns the person's answer; None if the peer did not wait for it."""
        console.print(f"{name} ({event.peer}) shows the same six digits?")
        console.print(f"{digits[:3]} {digits[3:]}", style="bold")
        asking = asyncio.ensure_future(self._ask(digits))
        held: list[NodeEvent] = []
        try:
            while not asking.done() and not _gave_up(event, held):
                coming = asyncio.ensure_future(self._events.get())
                await asyncio.wait((asking, coming), return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    held.append(coming.result())
                coming.cancel()
        except asyncio.CancelledError:
            console.print()  # what follows begins a line
            raise
        finally:
            asking.cancel()
            await asyncio.wait((asking,))
        for other in held:
            self._events.put_nowait(other)
        if not _gave_up(event, held):
            return asking.result()
        self._one_went = True
        console.print()
        console.print(f"{name} gave up")
        return None

    async def _ask(self, digits: str) -> bool:
        """Asks until there is an answer.

        An answer may come too late for a question that has ended, and would be taken for one to
        the next, which an attacker can bring about. So that one wants the digits.
        """
        self._typed.forget()
        yes = (digits, f"{digits[:3]} {digits[3:]}") if self._one_went else ("y", "yes")
        no = ("n", "no") if self._one_went else ("n", "no", "")
        while True:
            console.print(_AFTER_ONE_THAT_WENT if self._one_went else _QUESTION, end="")
            try:
                said = (await self._typed.line()).lower()
            except EOFError:
                raise click.Abort from None
            if said in yes or said in no:
                return said in yes

    def _on_failure(self, event: NodeEvent, name: str, concerns: bool) -> None:
        if self.wanted is not None and concerns:
            if event.code == PAIRING_LIMIT:
                self.met = False
                self.busy.set()  # with this node, perhaps: both have asked
                return
            raise PeerError(event.code, name)
        console.print(f"{name} did not pair: {words.reason(event.code, name)}")
        if self.wanted is None and not self.bus.guard.desk.is_open(now_ms()):
            raise LocalError(PAIRING_LIMIT, "so many failed; `dsoftbus pair` takes more")

    async def _on_paired(self, event: NodeEvent, name: str) -> None:
        bus = self.bus
        bus.watch.persist()
        if bus.guard.store.get(event.peer) is None:
            raise LocalError(TRUST_REVOKED, f"{name}: another command has unpaired it")
        console.print(f"paired with {name} ({event.peer})")
        await _last_word(bus, event.peer)


def _gave_up(event: NodeEvent, held: list[NodeEvent]) -> bool:
    return any((one.kind, one.peer) == (EV_PAIR_FAILED, event.peer) for one in held)


def _warning(name: str, event: NodeEvent) -> str:
    known = event.about
    like = "is a name that you know" if known.name == name else f"looks like {known.name}"
    return f"WARNING: {name} ({event.peer}) {like}, but its key is not that of {known.id}"


async def _last_word(bus: Bus, device: str) -> None:
    """Ends the sessions in order, so that the peer hears of the agreement first."""
    for connection in bus.connections(device):
        await connection.close()


async def seek(person: Person, place: Place) -> None:
    """Asks the peer that `person` wants, once it takes pairings; says what it waits for.

    Raises LocalError where it takes none of this kind, BusError and OSError as `Bus.reach`.
    """
    bus = person.bus
    for _ in range(_ASKS):
        device = await _ready(bus, place, person.wanted or "")
        try:
            connection = await bus.reach(device)
            person.wanted = connection.peer_id  # it may have another key by now
            with contextlib.suppress(LocalError):  # the peer has asked meanwhile
                bus.guard.pair(connection.session, now_ms())
        except (BusError, OSError):
            if not person.met:
                raise  # else the peer was there, and why it went is told
        await person.busy.wait()
        person.busy.clear()
        await asyncio.sleep(_AGAIN_S)
    raise PeerError(PAIRING_LIMIT, person.wanted or "")


async def _ready(bus: Bus, place: Place, text: str) -> str:
    """The id of the peer that is meant, once it has been heard of and takes pairings."""
    device = await _heard(bus, place, text)
    told = False
    asked = now_ms()
    while True:
        peer = bus.peers.get(device)
        if peer is not None and peer.flags & FLAG_PAIRING:
            return device
        if peer is not None and peer.flags & FLAG_TOKEN:
            raise LocalError(PAIRING_CLOSED, f"{peer.name or text}: {_TOKEN_ONLY}")
        if not told:
            console.print(_NOT_YET.format(peer.name or text if peer else text))
            told = True
        if now_ms() - asked > _PROBE_S * 1000:
            asked = now_ms()
            place.ask(bus)
        await asyncio.sleep(_LOOK_S)


async def _heard(bus: Bus, place: Place, text: str) -> str:
    told = False
    while True:
        try:
            return await bus.heard(text, _PROBE_S)
        except LocalError as error:
            if error.code != STALE_PEER:
                raise
            if not told:
                console.print(f"nobody by the name or id {text} was heard of yet; waiting")
            told = True
            place.ask(bus)
