"""The program of examples/home_assistant, with a gateway, a broker, and a client that plays Home
Assistant."""

import asyncio
import json

import pytest

from examples.test_examples import Host, pair
from free_ports import free_port
from gateways import PlainClient, real_broker
from portable import TIMEOUT_S


@pytest.fixture
def nodes(tmp_path):
    """The lamp's user and the gateway's."""
    found = [Host(tmp_path / name) for name in ("lamp", "hub")]
    port = free_port()
    for one in found:
        one.stays_on_loopback(port)
    pair(*found)
    return found


def test_home_assistant_finds_a_lamp_and_dims_it(nodes, tmp_path):
    lamp, hub = nodes

    async def test(broker, running):
        async with PlainClient(broker) as client:
            topics = client.last
            found = await client.until(
                lambda: next((topics[t] for t in topics if b"light" in topics[t]), None)
            )
            parts = {one["p"]: one for one in json.loads(found)["cmps"].values()}
            assert parts.keys() == {"light", "sensor", "button"}
            light, button = parts["light"], parts["button"]
            await client.value(light["stat_t"], '{"state": "OFF", "brightness": 128}')
            client.publish(light["cmd_t"], '{"state": "ON", "brightness": 20}')
            await client.value(light["stat_t"], '{"state": "ON", "brightness": 20}')
            client.publish(button["cmd_t"], button["pl_prs"])
            await asyncio.to_thread(running.until, "blinks")

    with (
        real_broker("mosquitto", tmp_path) as broker,
        lamp.start("home_assistant/lamp.py") as running,
        hub.start_command("gateway", "mqtt", broker.url),
    ):
        asyncio.run(asyncio.wait_for(test(broker, running), TIMEOUT_S))
