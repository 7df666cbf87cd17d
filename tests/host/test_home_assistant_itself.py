"""Home Assistant's own code takes the discovery payloads: a check for development.

`homeassistant` is no dependency of ours: it pins dozens of packages. DSOFTBUS_HOME_ASSISTANT is
the path of a Python that has it; docs/decisions.md says how one is made.
"""

import json
import os
import subprocess

import pytest

from dsoftbus.service.directory import Offer
from dsoftbus_host.gateway.home_assistant import Shown, config
from dsoftbus_host.gateway.topics import Topics
from portable import ROOT

PYTHON = os.environ.get("DSOFTBUS_HOME_ASSISTANT", "")
UNITS = (
    *("°C", "C", "°F", "K", "%", "hPa", "mbar", "kPa", "Pa", "lx", "lux", "W", "kW", "mW", "Wh"),
    *("kWh", "V", "mV", "A", "mA", "Hz", "kHz", "ppm", "ppb", "µg/m³", "dB", "dBm", "m", "cm"),
    *("mm", "km", "kg", "g", "m/s", "km/h", "ms", "s", "min", "h", "B", "kB", "MB", "GB", "W/m²"),
    "furlongs",
)
WORDS = ("load", "humidity", "battery", "soil/moisture", "co2", "voc", "pm25")


def payload(offers, values, expire_s=None, name="hall"):
    about = Shown("n" * 26, name, "hall", "g" * 26, offers, values, expire_s)
    return config(about, Topics("dsoftbus"), "1", {})


def payloads():
    sensors = [
        Offer("state", f"{word}/{n}", unit=unit) for n, unit in enumerate(UNITS) for word in WORDS
    ]
    for n in range(0, len(sensors), 200):
        some = sensors[n : n + 200]
        yield payload(some, {offer.name: 1.5 for offer in some}, 700)
    shapes = (
        "bool",
        "light",
        "light: on bool, brightness 0..100",
        "0..23",
        "float -1 to 1",
        "int",
    )
    offers = [Offer("state", f"s{n}", shape=shape) for n, shape in enumerate(shapes)]
    yield payload(offers, {}, 700)
    yield payload(offers + [Offer("call", f"{offer.name}/set") for offer in offers], {})
    yield payload([Offer("call", "restart", shape="no value")], {"mode": "eco", "door": True})


@pytest.mark.skipif(
    not PYTHON, reason="DSOFTBUS_HOME_ASSISTANT names no Python with homeassistant"
)
def test_home_assistant_takes_what_we_say():
    done = subprocess.run(
        [PYTHON, str(ROOT / "tests/home_assistant_check.py")],
        input=json.dumps(list(payloads())),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert int(done.stderr.splitlines()[-1].split()[0]) > 200
