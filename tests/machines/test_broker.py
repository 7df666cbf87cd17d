"""Two machines in two networks that share nothing but a broker."""

import json
import signal

import pytest

import real_brokers
from commands import make_file
from machines.people import Serving, pair
from nodes import digest

BROKER = "203.0.113.1"
CONFIG = f"listener 1883 {BROKER}\nallow_anonymous true\nuser root\nlog_dest stdout\n"
MB = 1 << 20


@pytest.fixture
def apart(network):
    """attic and kitchen, each with a cable to the machine `broker`, which forwards nothing."""
    attic, kitchen, broker = map(network.bare_machine, ("attic", "kitchen", "broker"))
    broker.ip(f"addr add {BROKER}/32 dev lo")
    for number, machine, net in ((1, attic, "192.0.2"), (2, kitchen, "198.51.100")):
        switch = f"switch{number}"
        network.plug(machine, "v0", number, switch)
        network.plug(broker, f"v{number}", 9, switch)
        machine.ip(f"addr add {net}.{number}/24 broadcast + dev v0")
        broker.ip(f"addr add {net}.9/24 dev v{number}")
        machine.ip(f"route add default via {net}.9 dev v0")
    done = broker.run("sysctl -w net.ipv4.ip_forward=0")
    assert done.returncode == 0, done.stderr
    return attic, kitchen, broker


@pytest.fixture
def mosquitto(apart):
    kind = real_brokers.KINDS["mosquitto"]
    if kind.missing():
        pytest.skip(kind.missing())
    broker = apart[2]
    (broker.home / "mosquitto.conf").write_text(CONFIG)
    return f"{real_brokers.program('mosquitto')} -c mosquitto.conf"


def test_pair_call_and_a_file_while_the_broker_is_killed_and_restarted(apart, mosquitto):
    attic, kitchen, broker = apart
    assert kitchen.run("ping -c 1 -W 1 192.0.2.1").returncode != 0
    file = make_file(kitchen.home / "big", MB)
    with broker.spawn(mosquitto) as running:
        running.until("mosquitto version")
        attic.run(f"dsoftbus group new home mqtt://{BROKER}")
        token = attic.run("dsoftbus group show home").stdout.split()[-1]
        assert kitchen.run(f"dsoftbus group join {token}").returncode == 0
        pair(attic, kitchen)
        for here, there in ((attic, "kitchen"), (kitchen, "attic")):
            assert here.run(f"dsoftbus allow {there} *").returncode == 0
        with Serving(attic) as serving:
            found = json.loads(kitchen.run("dsoftbus discover --json").stdout)
            assert [each["addresses"] for each in found] == [["mqtt://home"]]
            assert kitchen.run("dsoftbus ping attic --count 1").returncode == 0
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()
            with (
                kitchen.spawn("dsoftbus send big attic") as sending,
                broker.spawn(mosquitto) as again,
            ):
                again.until("mosquitto version")
                assert sending.status() == 0, sending.said
            assert digest(serving.folder / "big") == digest(file)
            serving.interrupt()
