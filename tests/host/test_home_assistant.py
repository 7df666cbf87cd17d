"""Discovery of Home Assistant: each payload keeps its rules, whatever a node offers."""

import json
import re

import pytest

from dsoftbus.service.directory import Offer
from dsoftbus_host.gateway.home_assistant import (
    Shown,
    clean,
    components,
    config,
    config_topic,
    light_state,
    light_value,
)
from dsoftbus_host.gateway.topics import Topics
from hostile import NAMES

NODE, GATEWAY = "n" * 26, "g" * 26
TOPICS = Topics("dsoftbus")
ID = re.compile(r"[A-Za-z0-9_-]+")
# What a component of each platform must and may have besides what all have.
NEEDS = {
    "sensor": ({"stat_t", "val_tpl"}, {"dev_cla", "unit_of_meas", "stat_cla", "exp_aft"}),
    "binary_sensor": ({"stat_t", "pl_on", "pl_off"}, {"exp_aft"}),
    "switch": ({"stat_t", "cmd_t", "pl_on", "pl_off", "stat_on", "stat_off"}, set()),
    "light": ({"stat_t", "cmd_t", "schema"}, {"brightness", "bri_scl"}),
    "number": ({"stat_t", "cmd_t", "min", "max", "step"}, {"unit_of_meas"}),
    "button": ({"cmd_t", "pl_prs"}, set()),
}


def shown(offers=(), values=None, expire_s=None, name="hall", level="hall"):
    made = [Offer(*offer) for offer in offers]
    return Shown(NODE, name, level, GATEWAY, made, values or {}, expire_s)


def checked(about):
    """A payload as Home Assistant takes it: its topic, its ids and what its components have."""
    found = json.loads(json.dumps(config(about, TOPICS, "1.0", {})))
    assert re.fullmatch(r"homeassistant/device/[A-Za-z0-9_-]+/config", topic(NODE))
    assert found.keys() == {"dev", "o", "avty", "avty_mode", "cmps"}
    assert found["dev"].keys() == {"ids", "name", "mf", "mdl", "sw"} and found["dev"]["name"]
    assert found["o"].keys() == {"name", "sw"}
    assert {"t", "pl_avail", "pl_not_avail"} == found["avty"][0].keys()
    unique = [one["uniq_id"] for one in found["cmps"].values()]
    assert len(set(unique)) == len(unique)
    for mark, one in found["cmps"].items():
        assert ID.fullmatch(mark) and ID.fullmatch(one["uniq_id"])
        must, may = NEEDS[one["p"]]
        had = one.keys() - {"p", "uniq_id", "name"}
        assert must <= had <= must | may, one
        for topic_name in {"stat_t", "cmd_t"} & had:
            assert not set("+#\0") & set(one[topic_name])
            assert one[topic_name].startswith("dsoftbus/")
    return found["cmps"]


def topic(device):
    return config_topic("homeassistant", device)


def only(offers, values=None, **more):
    found = checked(shown(offers, values, **more))
    assert len(found) == 1, found
    return next(iter(found.values()))


@pytest.mark.parametrize(
    "name, unit, device_class, written",
    [
        ("heat", "°C", "temperature", "°C"),
        ("heat", "C", "temperature", "°C"),
        ("air/humidity", "%", "humidity", "%"),
        ("battery", "%", "battery", "%"),
        ("load", "%", None, "%"),
        ("pressure", "hPa", "atmospheric_pressure", "hPa"),
        ("day", "lx", "illuminance", "lx"),
        ("day", "lux", "illuminance", "lx"),
        ("use", "W", "power", "W"),
        ("line", "V", "voltage", "V"),
        ("line", "A", "current", "A"),
        ("co2", "ppm", "carbon_dioxide", "ppm"),
        ("gas", "ppm", None, "ppm"),
        ("speed", "furlongs", None, "furlongs"),
        ("count", "", None, None),
    ],
)
def test_units_have_device_classes(name, unit, device_class, written):
    found = only([("state", name, "", unit)], {name: 21.5})
    assert found["p"] == "sensor" and found["stat_cla"] == "measurement"
    assert found.get("dev_cla") == device_class
    assert found.get("unit_of_meas") == written
    assert found["stat_t"] == f"dsoftbus/hall/topic/{name}"


def test_a_node_says_its_version():
    found = config(shown([], {"version": "2.1"}), TOPICS, "1", {})
    assert (found["dev"]["sw"], found["o"]["sw"]) == ("2.1", "1")
    assert config(shown(), TOPICS, "1", {})["dev"]["sw"] == "shown by dsoftbus 1"


def test_energy_grows():
    found = only([("state", "use", "", "kWh")], {"use": 1})
    assert (found["dev_cla"], found["stat_cla"]) == ("energy", "total_increasing")


@pytest.mark.parametrize("shape, value", [("bool", None), ("true or false", None), ("", True)])
def test_truth_is_a_binary_sensor_or_a_switch(shape, value):
    values = {} if value is None else {"door": value}
    found = only([("state", "door", "", "", shape)], values)
    assert (found["p"], found["pl_on"], found["pl_off"]) == ("binary_sensor", "true", "false")
    found = only([("state", "door", "", "", shape), ("call", "door/set")], values)
    assert found["p"] == "switch"
    assert found["cmd_t"] == "dsoftbus/hall/call/door/set"


@pytest.mark.parametrize("shape", ["0..23", "0 to 23", "int, 0 to 23"])
def test_a_number_that_can_be_set(shape):
    found = only([("state", "hour", "", "h", shape), ("call", "hour/set")], {"hour": 3})
    assert (found["p"], found["min"], found["max"], found["step"]) == ("number", 0, 23, 1)
    found = only([("state", "x", "", "", "float 0 to 1"), ("call", "x/set")], {"x": 0.5})
    assert found["step"] == 0.01
    found = only([("state", "x", "", "", "5 to 2"), ("call", "x/set")], {"x": 3})
    assert found["min"] < found["max"]


def test_a_light_is_one_by_its_shape():
    offers = [("state", "lamp", "", "", "light: bool"), ("call", "lamp/set")]
    found = only(offers, {"lamp": True})
    assert (found["p"], found["schema"]) == ("light", "json")
    assert found["stat_t"] == "dsoftbus/hall/light/lamp"
    assert found["cmd_t"] == "dsoftbus/hall/set/lamp"
    assert "brightness" not in found
    shape = "light: on bool, brightness 0..100"
    found = only([("state", "lamp", "", "", shape), ("call", "lamp/set")])
    assert (found["brightness"], found["bri_scl"]) == (True, 100)
    assert only(offers[:1], {"lamp": True})["p"] == "binary_sensor"  # nobody can set it


def test_a_light_is_translated():
    plain = Offer("state", "lamp", shape="light")
    dimmed = Offer("state", "lamp", shape="on bool, brightness 0..255")
    assert json.loads(light_state(True)) == {"state": "ON"}
    assert json.loads(light_state({"on": False, "brightness": 9, "x": b"1"})) == {
        "state": "OFF",
        "brightness": 9,
    }
    assert json.loads(light_state("what")) == {"state": None}
    assert light_value({"state": "ON", "brightness": 5}, plain) is True
    assert light_value({"state": "OFF"}, dimmed) == {"on": False}
    assert light_value({"state": "ON", "brightness": 5}, dimmed) == {"on": True, "brightness": 5}
    for wrong in (None, {}, "ON", {"state": "on"}, {"state": [1]}, {"state": True}):
        with pytest.raises(ValueError):
            light_value(wrong, plain)


def test_calls_without_a_value_are_buttons():
    found = only([("call", "restart", "", "", "no value")])
    assert (found["p"], found["pl_prs"]) == ("button", "null")
    assert found["cmd_t"] == "dsoftbus/hall/call/restart"
    assert not checked(shown([("call", "fan", "", "", "true or false"), ("call", "odd")]))


def test_texts_show_and_maps_do_not():
    assert "[:255]" in only([("state", "mode")], {"mode": "eco"})["val_tpl"]
    assert not checked(shown([("state", "all")], {"all": {"a": 1}}))
    assert not checked(shown([("event", "door")]))


def test_states_of_a_node_without_a_directory_are_shown():
    assert only([], {"heat": 3})["p"] == "sensor"


def test_values_of_sleepers_expire():
    assert only([("state", "heat", "", "°C")], {"heat": 1}, expire_s=700)["exp_aft"] == 700
    offers = [("state", "on", "", "", "bool"), ("call", "on/set")]
    assert "exp_aft" not in only(offers, {"on": True}, expire_s=700)


def test_a_component_that_is_gone_is_taken_away():
    about = shown([("state", "heat", "", "°C")], {"heat": 1})
    found = config(about, TOPICS, "1", {"state-cold": "sensor", "state-heat": "sensor"})
    assert found["cmps"]["state-cold"] == {"p": "sensor"}
    assert "stat_t" in found["cmps"]["state-heat"]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_keep_the_rules(name):
    offers = [("state", name, name, name[:24], name), ("call", f"{name}/set"), ("call", name)]
    checked(shown(offers, {name: True}, name=name))
    checked(shown(offers, {name: 1}))
    checked(shown([("call", name, "", "", "no value"), ("state", name)], {name: "x"}))


def test_ids_differ_where_names_do():
    names = ["a/b", "a_b", "a b", "a+b", "ä", "ö", "a-b"]
    assert len(set(map(clean, names))) == len(names)
    assert all(map(ID.fullmatch, map(clean, names)))


def test_components_are_bounded():
    offers = [Offer("state", f"t{n}", unit="W") for n in range(1000)]
    about = Shown(NODE, "hall", "hall", GATEWAY, offers, {}, None)
    assert len(components(about, TOPICS)) == 256
