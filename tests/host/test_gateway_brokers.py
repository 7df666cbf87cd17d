"""`dsoftbus gateway mqtt` with real brokers and real processes, and a plain client of MQTT."""

import asyncio
import contextlib
import datetime
import json
import shutil
import signal
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from command import quick_command
from commands import Conversation, environment, run
from dsoftbus.service.status import CallError
from dsoftbus_host.bus import Bus
from dsoftbus_host.discovery.interfaces import of
from gateways import Fleet, PlainClient, real_broker
from machines.terminal import Terminal
from real_brokers import KINDS

LIMIT_S = 120


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path, "hall", "gateway1", "gateway2")


@contextlib.asynccontextmanager
async def node(fleet, name="hall"):
    """A node in this process, with a state and two calls."""
    bus = Bus(
        name,
        key=fleet.key_path(name),
        trust=fleet.trust_path(name),
        interfaces=[of("127.0.0.1/8")],
        discovery_port=fleet.port,
        on_event=lambda event: None,
    )
    calls = []
    bus.topic("lamp/on", about="the lamp", shape="bool")
    bus.topic("heat", unit="°C")
    bus.topic("door", event=True)

    @bus.call("lamp/on/set", shape="bool")
    def lamp(_peer, on):
        calls.append(on)
        if not isinstance(on, bool):
            raise CallError(7, "that is no truth")
        bus.publish("lamp/on", on)
        return on

    async with bus:
        bus.publish("heat", 21.5)
        bus.publish("lamp/on", False)
        yield bus, calls


def gateway(fleet, broker, name="gateway1", *more):
    return Conversation("gateway", "mqtt", broker.url, *fleet.options[name], *more)


def within(test):
    asyncio.run(asyncio.wait_for(test, LIMIT_S))


@pytest.mark.parametrize("kind", KINDS)
def test_a_node_is_shown_and_called(fleet, tmp_path, kind):
    """The way through: states, events, calls, discovery, a restart of Home Assistant."""

    async def test(broker):
        async with (
            node(fleet) as (bus, calls),
            PlainClient(broker) as client,
            gateway(fleet, broker) as shown,
        ):
            await client.value("dsoftbus/hall/topic/heat", "21.5")
            await client.value("dsoftbus/hall/availability", "online")
            config = f"homeassistant/device/dsoftbus_{bus.id}/config"
            await client.until(lambda: b"lamp_on" in client.last.get(config, b""))
            found = json.loads(client.last[config])
            switch = next(one for one in found["cmps"].values() if one["p"] == "switch")
            # Home Assistant presses the switch
            client.publish(switch["cmd_t"], switch["pl_on"])
            await client.value(switch["stat_t"], switch["stat_on"])
            assert calls == [True]
            asked = "dsoftbus/hall/call/lamp/on/set"
            answer = await client.ask(asked, '{"id": 1, "value": false}')
            assert answer == {"id": 1, "status": "ok", "value": False}
            answer = await client.ask(asked, '{"id": 2, "value": 5}')
            assert (answer["code"], answer["text"]) == (7, "that is no truth")
            answer = await client.ask("dsoftbus/hall/call/none", '{"id": 3}')
            assert answer["label"] == "call.no_method"
            answer = await client.ask("dsoftbus/nobody/call/x", '{"id": 4}')
            assert answer["label"] == "gateway.reject.no_such_node"
            answer = await client.ask(asked, "no JSON")
            assert answer["label"] == "gateway.reject.no_json"
            bus.publish("door", {"open": True})
            await client.value("dsoftbus/hall/topic/door", '{"open": true}')
            seen = len(client.seen)
            client.publish("homeassistant/status", "online")
            await client.until(lambda: config in [topic for topic, _ in client.seen[seen + 1 :]])
            shown.signal(signal.SIGINT)
            await client.value("dsoftbus/hall/availability", "offline")
            assert await shown.status() == 130
            assert "this gateway decrypts" in shown.said.splitlines()[0]

    with real_broker(kind, tmp_path) as broker:
        within(test(broker))


@pytest.mark.parametrize("kind", KINDS)
def test_another_gateway_takes_over(fleet, tmp_path, kind):
    async def test(broker):
        async with (
            node(fleet) as (bus, calls),
            PlainClient(broker) as client,
            gateway(fleet, broker, "gateway1", "--json") as first,
        ):
            await first.until('"speaks"')
            async with gateway(fleet, broker, "gateway2", "--json") as second:
                await second.until('"connected"')
                await _sees(bus, 2)
                asked = "dsoftbus/hall/call/lamp/on/set"
                await client.ask(asked, "true")
                assert calls == [True]  # one of the two made it
                first.signal(signal.SIGKILL)
                await second.until('"speaks"')
                answer = await client.ask(asked, '{"id": 9, "value": false}')
                assert answer["status"] == "ok" and calls == [True, False]
                second.signal(signal.SIGTERM)
                assert await second.status() == 143

    with real_broker(kind, tmp_path) as broker:
        within(test(broker))


async def _sees(bus, count):
    """Waits until so many gateways have sessions with a node."""
    while len({connection.peer_id for connection in bus.connections()}) < count:
        await asyncio.sleep(0.02)


def test_a_broker_that_is_gone_comes_back_with_nothing(fleet, tmp_path):
    async def test(broker):
        async with node(fleet), gateway(fleet, broker) as shown:
            await shown.until("no connection to")
            broker.start()
            await shown.until("speaks for hall")
            broker.kill()
            await shown.until("speaks no more for hall")
            broker.start()
            async with PlainClient(broker) as client:
                await client.value("dsoftbus/hall/topic/heat", "21.5")
                await client.value("dsoftbus/hall/availability", "online")

    with contextlib.ExitStack() as stack:
        broker = real_broker("mosquitto", tmp_path)
        stack.callback(broker.kill)
        within(test(broker))


def test_its_rights_are_those_of_any_node(fleet, tmp_path):
    for what in ("topic/heat", "call/lamp/on/set"):
        done = run("deny", "gateway1", what, "--trust", fleet.trust_path("hall"))
        assert done.returncode == 0, done

    async def test(broker):
        async with (
            node(fleet) as (_, calls),
            PlainClient(broker) as client,
            gateway(fleet, broker),
        ):
            await client.value("dsoftbus/hall/topic/lamp/on", "false")
            answer = await client.ask("dsoftbus/hall/call/lamp/on/set", '{"value": true}')
            assert (answer["status"], answer["label"]) == ("denied", "call.denied")
            assert not calls
            assert not [topic for topic, _ in client.seen if topic.endswith("topic/heat")]

    with real_broker("mosquitto", tmp_path) as broker:
        within(test(broker))


def test_a_login_that_is_refused_is_said_and_tried_again(fleet, tmp_path):
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    right = tmp_path / "right"
    right.write_text("secret\n")

    async def test(broker):
        async with gateway(fleet, broker, "gateway1", "--user", "me") as shown:
            await shown.until("the broker refuses the login: ")
        known = ("--user", "me", "--password-file", right)
        async with node(fleet), gateway(fleet, broker, "gateway1", *known) as shown:
            await shown.until("speaks for hall")
            assert "secret" not in shown.said

    maker = shutil.which("mosquitto_passwd")
    if maker is None:
        pytest.skip("mosquitto_passwd is not installed")
    subprocess.run([maker, "-b", passwords, "me", "secret"], check=True)
    lines = f"allow_anonymous false\npassword_file {passwords}"
    with real_broker("mosquitto", tmp_path, more=lines) as broker:
        within(test(broker))


def key_usage(signs: bool) -> x509.KeyUsage:
    """Returns what the key of a CA, which signs certificates, or of a server is for."""
    rest = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    never = dict.fromkeys((*rest, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=True, key_cert_sign=signs, crl_sign=signs, **never)


def make_certificates(folder):
    """Writes a CA and a certificate for localhost that it has signed, with all that RFC 5280 asks
    for, and CPython since 3.13."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in ("ca", "localhost")]
    now = datetime.datetime.now(datetime.timezone.utc)
    for n, what in enumerate(("ca", "server")):
        made = (
            x509.CertificateBuilder()
            .subject_name(names[n])
            .issuer_name(names[0])
            .public_key(keys[n].public_key())
            .serial_number(n + 1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(ca=not n, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
            .add_extension(key_usage(signs=not n), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(keys[n].public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), False
            )
            .sign(keys[0], hashes.SHA256())
        )
        (folder / f"{what}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret = keys[n].private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / f"{what}.key").write_bytes(secret)


def test_a_broker_with_tls(fleet, tmp_path):
    make_certificates(tmp_path)
    lines = f"certfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key"
    broker = real_broker("mosquitto", tmp_path, tls=True, listener=lines)
    there = ("gateway", "mqtt", f"mqtts://localhost:{broker.port}", *fleet.options["gateway1"])

    async def test():
        async with Conversation(*there) as shown:
            await shown.until("the broker's certificate is not trusted")
        async with node(fleet), Conversation(*there, "--ca", tmp_path / "ca.pem") as shown:
            await shown.until("speaks for hall")
            shown.signal(signal.SIGINT)
            assert await shown.status() == 130

    with broker:
        within(test())


def test_a_light_and_sixty_columns(fleet, tmp_path):
    """Home Assistant dims a lamp; the command is in a terminal of 60 columns."""

    async def test(broker):
        async with node(fleet) as (bus, _), PlainClient(broker) as client:
            bus.topic("lamp", shape="light: on bool, brightness 0..255")

            @bus.call("lamp/set")
            def lamp(_peer, value):
                bus.publish("lamp", {"on": False, "brightness": 9, **value})

            bus.publish("lamp", {"on": False, "brightness": 9})
            words = [*quick_command(), "gateway", "mqtt", broker.url]
            words += map(str, fleet.options["gateway1"])
            around = environment(TERM="xterm-256color", COLUMNS="60")
            with Terminal(words, tmp_path, around, 60) as terminal:
                await client.until(lambda: "dsoftbus/hall/light/lamp" in client.last)
                client.publish("dsoftbus/hall/set/lamp", '{"state": "ON", "brightness": 99}')
                await client.value("dsoftbus/hall/topic/lamp", '{"on": true, "brightness": 99}')
                await client.value("dsoftbus/hall/light/lamp", '{"state": "ON", "brightness": 99}')
                await asyncio.to_thread(terminal.find, "speaks for hall")
                assert await asyncio.to_thread(terminal.interrupt) == 130

    with real_broker("mosquitto", tmp_path) as broker:
        within(test(broker))


def test_unpairing_takes_away_and_forgetting_leaves_nothing(fleet, tmp_path):
    async def test(broker):
        async with node(fleet) as (bus, _):
            async with PlainClient(broker) as client, gateway(fleet, broker) as shown:
                await client.value("dsoftbus/hall/topic/heat", "21.5")
                trust = fleet.trust_path("gateway1")
                done = await asyncio.to_thread(run, "unpair", "hall", "--trust", trust)
                assert done.returncode == 0, done
                await shown.until("hall (")
                await shown.until("is shown no more")
                await client.value("dsoftbus/hall/topic/heat", "")
                await client.value(f"homeassistant/device/dsoftbus_{bus.id}/config", "")
            async with gateway(fleet, broker, "gateway2", "--forget", "--node", "hall") as shown:
                await shown.until("speaks for hall")
                shown.signal(signal.SIGINT)
                assert await shown.status() == 130
        async with PlainClient(broker) as client:
            client.publish("dsoftbus/ping", "x")
            await client.value("dsoftbus/ping", "x")
            left = {topic for topic, payload in client.last.items() if payload}
            assert not [topic for topic in left if "hall" in topic or "homeassistant" in topic]

    with real_broker("mosquitto", tmp_path) as broker:
        within(test(broker))


def test_what_is_wrong_is_said_before_anything_begins(fleet):
    own = fleet.options["gateway1"]

    def failure(*words):
        done = run("gateway", "mqtt", *words, *own)
        assert done.returncode in (1, 2), done
        assert len(done.stderr.splitlines()) <= 6
        return done.stderr

    assert "a broker is mqtt://HOST" in failure("http://here")
    assert "no port" in failure("mqtt://here:99999")
    assert "a password goes with a --user" in failure("here", "--password-file", own[1])
    assert "secret" not in failure("http://me:secret@here")
    assert "is no topic" in failure("here", "--prefix", "a/#")
    assert "`dsoftbus peers` lists" in failure("here", "--node", "nobody")
    assert "--discovery" in failure("here", "--discovery", "other")
