"""The bus, on the backend of this interpreter: what a node offers, and to whom."""

from backend import run
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, OVERSIZE, LocalError
from dsoftbus.service import status
from dsoftbus.service.call_messages import OFFERS
from dsoftbus_aio.services import directory
from node_pair import Pair, Ruled, refused


def names(offers) -> list:
    return sorted(offer.name for offer in offers)


class Offering(Pair):
    """A pair whose server offers two calls."""

    def __init__(self):
        super().__init__()
        server = self.server_bus
        server.call("light", about="the lamp in the hall", shape="bool")(lambda _c, on: on)
        server.call("door")(lambda _c, _v: None)


def test_a_peer_lists_what_a_node_offers():
    async def test():
        async with Offering() as pair:
            offers = {offer.name: offer for offer in await pair.client.offers()}
            assert sorted(offers) == ["door", "light"]
            light = offers["light"]
            assert (light.kind, light.about, light.shape) == (
                "call",
                "the lamp in the hall",
                "bool",
            )
            assert (light.peer_id, light.peer_name) == (pair.server_bus.id, "server")
            assert (offers["door"].about, offers["door"].unit, offers["door"].shape) == (
                "",
                "",
                "",
            )
            pair.server_bus.call("late")(lambda _c, _v: None)
            assert names(await pair.client.offers()) == ["door", "late", "light"]

    run(test())


def test_a_bus_lists_the_offers_of_all_its_peers():
    async def test():
        async with Offering() as pair:
            pair.client_bus.call("name")(lambda _c, _v: "client's")
            assert names(await pair.client_bus.offers()) == ["door", "light"]
            (offer,) = await pair.server_bus.offers()
            assert (offer.name, offer.peer_name) == ("name", "client")
        assert await pair.client_bus.offers() == []

    run(test())


def test_more_than_fits_in_one_window_of_parts():
    async def test():
        async with Offering() as pair:
            for i in range(40):
                pair.server_bus.call("call/%d" % i, about="x" * 100)(lambda _c, _v: None)
            assert len(await pair.client.offers()) == 42

    run(test())


def test_the_bus_s_own_names_are_not_for_programs():
    async def test():
        async with Offering() as pair:
            for name in (OFFERS, "dsoftbus/other"):
                try:
                    pair.server_bus.call(name)
                    raise AssertionError(name)
                except LocalError as error:
                    assert error.code == BAD_ARGUMENT
            await refused(status.NO_METHOD, pair.client.call("dsoftbus/other"))
            assert await pair.client.call(OFFERS) is None  # parts are passed over

    run(test())


class Parts:
    """The reply of a node that says what it likes."""

    def __init__(self, values):
        self._left = list(values)

    def answer(self, _connection, _value):
        return self

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


def test_reject_a_list_that_is_none():
    async def test():
        async with Offering() as pair:
            for code, said in (
                (MALFORMED, [{"kind": "call", "name": "\x1b"}]),
                (MALFORMED, [None]),
                (OVERSIZE, [{"kind": "call", "name": "again"}] * 65),
            ):
                real, directory.answer = directory.answer, Parts(said).answer
                try:
                    await refused(code, pair.client.offers())
                finally:
                    directory.answer = real

    run(test())


def test_who_asks_is_shown_what_it_may_use():
    async def test():
        async with Ruled("allow in call/light") as ruled:
            assert names(await ruled.client.offers()) == ["light"]
            assert ruled.server.node.next_event() is None  # it has asked for nothing else
        async with Ruled("allow in file/*") as ruled:
            assert await ruled.client.offers() == []
        async with Ruled("allow both *") as ruled:
            assert names(await ruled.client.offers()) == ["door", "light"]

    run(test())


# Topics, and what changes


def test_topics_are_listed_once_they_are_ready():
    async def test():
        async with Offering() as pair:
            bus = pair.server_bus
            bus.topic("temperature", about="in the hall", unit="\u00b0C", shape="float")
            bus.topic("bell", event=True)
            assert names(await pair.client.offers()) == ["bell", "door", "light"]
            bus.publish("temperature", 21.5)
            offers = {offer.name: offer for offer in await pair.client.offers()}
            assert sorted(offers) == ["bell", "door", "light", "temperature"]
            assert offers["bell"].kind == "event"
            state = offers["temperature"]
            assert (state.kind, state.about, state.shape) == ("state", "in the hall", "float")
            assert state.unit == "\u00b0C"
            bus.withdraw("bell")
            assert "bell" not in names(await pair.client.offers())

    run(test())


def test_topics_by_the_rules():
    async def test():
        async with Ruled("allow in topic/open/*") as ruled:
            for name in ("open/a", "closed/a"):
                ruled.server.publish(name, 1)
            assert names(await ruled.client.offers()) == ["open/a"]

    run(test())


def test_a_list_that_changes_comes_again():
    async def test():
        async with Offering() as pair:
            bus = pair.server_bus
            bus.publish("cold", 1)
            watch = pair.client.watch_offers()
            assert names(await watch.__anext__()) == ["cold", "door", "light"]
            bus.call("bell")(lambda _c, _v: None)
            assert names(await watch.__anext__()) == ["bell", "cold", "door", "light"]
            bus.publish("heat", 1)
            assert names(await watch.__anext__()) == ["bell", "cold", "door", "heat", "light"]
            bus.publish("heat", 2)  # which changes nothing here
            bus.withdraw("heat")
            assert names(await watch.__anext__()) == ["bell", "cold", "door", "light"]
            watch.close()

    run(test())


def test_the_revision_takes_no_place_of_a_program_s_topics():
    async def test():
        async with Offering() as pair:
            bus = pair.server_bus
            bus.publish("0", 0)
            watch = pair.client.watch_offers()
            await watch.__anext__()
            for i in range(bus.node.profile.topics):
                bus.publish(str(i), i)
            assert len(await watch.__anext__()) == bus.node.profile.topics + 2
            assert bus.directory is not None
            watch.close()

    run(test())
