"""The bus's own calls, on the backend of this interpreter: which right each of them asks."""

from backend import run
from dsoftbus.errors import OUTSIDE_ACL
from dsoftbus.service import status
from dsoftbus.trust import acl
from dsoftbus_aio.services import own_calls
from dsoftbus_aio.services.own_calls import PRIVILEGED, right
from node_pair import A, Pair, Ruled, bus, refused


def test_each_call_asks_one_right():
    for name, asked in (
        ("dsoftbus/offers", ""),
        ("dsoftbus/time", "call/dsoftbus/time"),
        ("dsoftbus/update/begin", "update"),
        ("dsoftbus/logs", "logs"),
        ("dsoftbus/console/run", "console"),
        ("dsoftbus/updates", "call/dsoftbus/updates"),
        ("dsoftbus/dsoftbus.pair", "call/dsoftbus/dsoftbus.pair"),
        ("dsoftbus/", "call/dsoftbus/"),
        ("logs", "call/logs"),
        ("update/begin", "call/update/begin"),
    ):
        assert right(name) == asked, name


def test_the_table_and_the_rules_know_the_same_words():
    assert PRIVILEGED == acl.PRIVILEGED


def test_privileged_calls_ask_their_word():
    async def test():
        for word in PRIVILEGED:
            name = "dsoftbus/" + word
            for grants in ((), ("allow both *",), ("allow in call/*", "allow in %s*" % word)):
                async with Ruled("allow in x", *grants) as ruled:
                    await refused(status.DENIED, ruled.client.call(name))
                    await refused(status.DENIED, ruled.client.call(name + "/x"))
            async with Ruled("allow in " + word) as ruled:  # and nothing answers
                await refused(status.NO_METHOD, ruled.client.call(name + "/x"))

    run(test())


def test_without_a_trust_store_nobody_has_a_privileged_right():
    async def test():
        async with Pair() as pair:
            pair.server_bus.call("any")(lambda _c, _v: None)
            await pair.client.call("any")
            for word in PRIVILEGED:
                await refused(status.DENIED, pair.client.call("dsoftbus/%s/x" % word))

    run(test())


def test_the_callers_own_rules_are_asked_with_the_same_word():
    async def test():
        async with Ruled("allow in call/*", "deny out logs") as ruled:
            server = ruled.server.connections(ruled.client_bus.id)[0]
            error = await refused(OUTSIDE_ACL, server.call("dsoftbus/logs"))
            assert error.detail == "logs", error.detail

    run(test())


def test_names_without_an_answer_have_no_method():
    made = bus(A)
    for name in ("dsoftbus/", "dsoftbus/nothing", "dsoftbus/offers/x", "dsoftbus/logs"):
        assert own_calls.handler(made, name) is None


class Begun:
    """A service of the bus's own, as one begins it."""

    def handler(self, name):
        return None if name.endswith("/no") else lambda _connection, value: [name, value]

    def close(self):
        pass


def test_what_has_begun_answers_the_calls_of_its_right():
    async def test():
        async with Ruled("allow in update") as ruled:
            ruled.server.calls.clear()  # the bus's own are enough for a stream of calls
            ruled.server.begun["update"] = Begun()
            name = "dsoftbus/update/state"
            assert await ruled.client.call(name, 1) == [name, 1]
            await refused(status.NO_METHOD, ruled.client.call("dsoftbus/update/no"))
            await refused(status.DENIED, ruled.client.call("dsoftbus/logs"))

    run(test())
