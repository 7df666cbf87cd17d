"""The directory for programs: what peers offer, and what this node offers them.

Nodes that neither ask nor are asked do not load this (docs/services.md, "Directory").
"""

import asyncio

from dsoftbus.errors import BusError
from dsoftbus.service.call_messages import OFFERS
from dsoftbus.service.directory import PREFIXES, Listing, Offer, item
from dsoftbus.service.status import NOT_MADE, UNKNOWN, CallError

if False:  # for types
    from collections.abc import Iterator

    from dsoftbus.contracts import Any
    from dsoftbus_aio.bus import BaseBus
    from dsoftbus_aio.connection import Connection
    from dsoftbus_aio.peer import Peer


async def offers(connection: "Connection", timeout_ms: int) -> "list[Offer]":
    """See `Connection.offers`."""
    listing = Listing(connection.session.local.profile.value_bytes)
    parts = connection.parts(OFFERS, None, timeout_ms)
    try:
        async for value in parts:
            listing.take(value)
    finally:
        parts.close()
    for offer in listing.offers:
        offer.peer_id = connection.peer_id
        offer.peer_name = connection.peer_name
    return listing.offers


async def offers_of_all(bus: "BaseBus", timeout_ms: int) -> "list[Offer]":
    """See `BaseBus.offers`."""
    by_peer = {connection.peer_id: connection for connection in bus.connections()}
    asked = [offers(connection, timeout_ms) for connection in by_peer.values()]
    found: list[Offer] = []
    answers = await asyncio.gather(*asked, return_exceptions=True) if asked else ()
    for listed in answers:
        if isinstance(listed, list):
            found += listed
        elif not isinstance(listed, BusError):
            raise listed
    return found


def answer(connection: "Connection", _value: "Any") -> "Any":
    """The handler of the call `dsoftbus/offers`. The peer has asked for none of what it may not
    use, so no refusal is told."""
    control = connection.session.mux.control
    return Items(
        [
            offer
            for offer in _ready(connection.bus)
            if control is None or control.allows(False, PREFIXES[offer.kind] + offer.name)
        ]
    )


class Items:
    """The offers as the parts of a reply."""

    def __init__(self, offers: "list[Offer]") -> None:
        self._left = iter(offers)

    def __aiter__(self) -> "Items":
        return self

    async def __anext__(self) -> "dict[str, str]":
        for offer in self._left:
            return item(offer)
        raise StopAsyncIteration


def _ready(bus: "BaseBus") -> "Iterator[Offer]":
    """All that this node offers now."""
    for name in bus.calls:
        about, shape = bus.notes.get(name, ("", ""))
        yield Offer("call", name, about, "", shape)
    for topic in bus.publishing.topics.all() if bus.publishing is not None else ():
        if not topic.own and (topic.event or topic.item is not None):
            kind = "event" if topic.event else "state"
            yield Offer(kind, topic.name, topic.about, topic.unit, topic.shape)


class Directory:
    """The revision of what this node offers, a state topic of the bus's own."""

    def __init__(self, bus: "BaseBus") -> None:
        self.revision = 0
        self._bus = bus

    def change(self) -> None:
        """Something was added, changed or taken away."""
        self.revision += 1
        publishing = self._bus.publishing
        if publishing is not None:
            publishing.publish_own(OFFERS, self.revision)


# Public


class OffersWatch:
    """The lists of one peer, for `async for`. `asker` is its Connection, or, `lasting`, its Peer;
    then the end of a session ends nothing. A program that leaves the loop calls `close()`."""

    def __init__(self, asker: "Connection | Peer", lasting: bool) -> None:
        self._asker = asker
        self._lasting = lasting
        self._revisions = asker.subscribe(OFFERS)
        self._told: list[dict[str, str]] | None = None

    def __aiter__(self) -> "OffersWatch":
        return self

    async def __anext__(self) -> "list[Offer]":
        while True:
            if self._told is not None:
                await self._revisions.__anext__()
            found = await self._list()
            said = None if found is None else [item(offer) for offer in found]
            if found is not None and said != self._told:
                self._told = said
                return found

    async def _list(self) -> "list[Offer] | None":
        """None where the session has ended meanwhile, and another is to come."""
        try:
            return await self._asker.offers(0)
        except CallError as error:
            if not self._lasting or error.code not in (NOT_MADE, UNKNOWN):
                raise
        return None

    def close(self) -> None:
        """No further list is wanted."""
        self._revisions.close()
