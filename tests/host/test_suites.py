"""The choice of the suite: the faster one between hosts, the common one with everyone else."""

import logging

import pytest

from backend import run
from dsoftbus.const import SUITE_AESGCM_SHA256, SUITE_CHACHA_SHA256
from dsoftbus.errors import UNSUPPORTED, UNSUPPORTED_SUITE, LocalError, PeerError
from dsoftbus_host import crypto
from dsoftbus_host.bare_bus import ANYONE, SUITES, BareBus
from node_pair import HOST, A, B
from nodes import ServingNode

measured = crypto.fastest
FASTER = SUITE_AESGCM_SHA256


@pytest.fixture(autouse=True)
def faster(monkeypatch):
    """A host with instructions for AES, wherever the test runs."""
    monkeypatch.setattr(crypto, "fastest", lambda: FASTER)


def suite_of(connection) -> int:
    return connection.session.suite.code


async def round_trip(connection) -> int:
    """The suite of a session that works."""
    async with await connection.open("echo") as stream:
        await stream.write(b"there and back")
        await stream.finish()
        assert await stream.read() == b"there and back"
    return suite_of(connection)


async def echo(_connection, stream):
    await stream.write(await stream.read())


def test_what_is_measured_to_be_faster_is_one_of_two():
    assert measured() in (SUITE_AESGCM_SHA256, SUITE_CHACHA_SHA256)


def test_hosts_use_the_faster_suite():
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            server.on_stream("echo", echo)
            port = await server.listen(HOST)
            assert await round_trip(await client.connect(HOST, port, server.public)) == FASTER

    run(test())


@pytest.mark.parametrize("code", SUITES)
def test_a_suite_that_is_asked_for_is_used(code):
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            server.on_stream("echo", echo)
            port = await server.listen(HOST)
            session = await client.connect(HOST, port, server.public, suite=code)
            assert await round_trip(session) == code

    run(test())


def test_a_suite_that_is_asked_for_never_falls_back(caplog):
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            del server.node.local.suites[FASTER]
            port = await server.listen(HOST)
            with pytest.raises(PeerError) as caught:
                await client.connect(HOST, port, server.public, suite=FASTER)
            assert caught.value.peer_code == UNSUPPORTED_SUITE
            assert client.node.sessions == []

    caplog.set_level(logging.INFO, "dsoftbus")
    run(test())
    assert caplog.messages == []


def test_a_suite_that_does_not_exist():
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(HOST)
            with pytest.raises(LocalError) as caught:
                await client.connect(HOST, port, server.public, suite=77)
            assert caught.value.code == UNSUPPORTED
            assert client.node.sessions == []

    run(test())


def test_other_refusals_are_not_tried_again(caplog):
    async def test():
        async with BareBus(A, allow=ANYONE) as server, BareBus(B) as client:
            port = await server.listen(HOST)
            with pytest.raises(PeerError):
                await client.connect(HOST, port, client.public)

    caplog.set_level(logging.INFO, "dsoftbus")
    run(test())
    assert caplog.messages == []


def test_one_fallback_with_a_board_and_it_is_said(tmp_path, caplog):
    async def test(node):
        public = bytes.fromhex(node.key)
        async with BareBus(B) as client:
            for _ in range(2):
                async with await client.connect(HOST, node.port, public) as session:
                    assert await round_trip(session) == SUITE_CHACHA_SHA256

    caplog.set_level(logging.INFO, "dsoftbus")
    with ServingNode(tmp_path / "board") as node:
        run(test(node))
    assert len(caplog.messages) == 1  # the second session knows
    assert f"suite {FASTER}: falling back to {SUITE_CHACHA_SHA256}" in caplog.text
