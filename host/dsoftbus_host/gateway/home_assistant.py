"""Discovery of Home Assistant: what a node's offers are there (docs/gateway.md has the table)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from dsoftbus.service.directory import Offer
from dsoftbus_host.gateway.topics import OFFLINE, ONLINE, Topics

PREFIX = "homeassistant"
BIRTH = b"online"
VERSION = "version"  # the state in which a node says what it runs
_SET = "/set"
_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\s*(?:\.\.|to|-|–)\s*(-?\d+(?:\.\d+)?)")  # noqa: RUF001
_BOOL = re.compile(r"\b(bool|boolean|true or false|false or true)\b")
_NUMBER = re.compile(r"\b(float|int|integer|number)\b")
_TEXT = re.compile(r"\b(text|str|string)\b")
_LIGHT = re.compile(r"\b(light|brightness)\b")
_NOTHING = re.compile(r"\s*(none|null|nothing|no value)\s*")
_BRIGHTNESS = 255
_COMPONENTS = 256  # of a node
_GONE = 64  # of these that are taken away, the last
# A payload of JSON is shown as what it says: a text without its quotes, null as unknown.
_VALUE = "{{ value_json }}"
_TEXT_VALUE = "{{ (value_json | string)[:255] }}"  # as much as a state holds there
# By unit: the unit as it is written there, its device class, and its class of states.
_UNITS: dict[str, tuple[str, str, str]] = {}
for _device_class, _written in (
    ("temperature", "°C C;°F F;K"),
    ("atmospheric_pressure", "hPa;mbar;kPa;Pa"),
    ("illuminance", "lx lux"),
    ("power", "W;kW"),
    ("voltage", "V;mV"),
    ("current", "A;mA"),
    ("frequency", "Hz;kHz"),
    ("sound_pressure", "dB"),
    ("signal_strength", "dBm"),
    ("distance", "m;cm;mm;km"),
    ("weight", "kg;g"),
    ("speed", "m/s;km/h"),
    ("duration", "s;min;h;ms"),
    ("data_size", "B;kB;MB;GB"),
    ("irradiance", "W/m²"),
    ("energy", "Wh;kWh"),
):
    for _names in _written.split(";"):
        for _name in _names.split():
            _class = "total_increasing" if _device_class == "energy" else "measurement"
            _UNITS[_name] = (_names.split()[0], _device_class, _class)
# Units of several quantities: a word in the name or in `about` decides.
_BY_WORD = {
    "%": (("humid", "humidity"), ("batter", "battery"), ("moist", "moisture")),
    "ppm": (("co2", "carbon_dioxide"), ("carbon dioxide", "carbon_dioxide")),
    "ppb": (("voc", "volatile_organic_compounds_parts"),),
    "µg/m³": (("pm2", "pm25"), ("pm10", "pm10"), ("pm1", "pm1")),
}


class Shown(NamedTuple):
    """A node as its discovery has it. `values` are the last of its states, by name; `expire_s` is
    for how long they hold of a node that sleeps, else None."""

    device: str
    name: str
    level: str
    gateway: str
    offers: list[Offer]
    values: Mapping[str, Any]
    expire_s: int | None


def clean(text: str) -> str:
    """An id of the letters that Home Assistant takes, another one for every text."""
    found = re.sub(r"[^A-Za-z0-9_-]", "_", text)
    if found == text:
        return found
    return f"{found}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def unique(device: str) -> str:
    """The id of a node."""
    return f"dsoftbus_{clean(device)}"


def config_topic(prefix: str, device: str) -> str:
    return f"{prefix}/device/{unique(device)}/config"


def config(
    shown: Shown, topics: Topics, version: str, before: Mapping[str, str]
) -> dict[str, Any]:
    """The payload of a node's discovery. `before` are its components, with their platforms, that
    were there once: those that are gone are taken away."""
    found = components(shown, topics)
    gone = {name: {"p": platform} for name, platform in before.items() if name not in found}
    gone = dict(list(gone.items())[-_GONE:])
    said = shown.values.get(VERSION)
    here = {"pl_avail": ONLINE.decode(), "pl_not_avail": OFFLINE.decode()}
    node, gateway = topics.availability(shown.level), topics.gateway(shown.gateway, "availability")
    return {
        "dev": {
            "ids": [unique(shown.device)],
            "name": shown.name or shown.device,
            "mf": "dsoftbus",
            "mdl": "node",
            "sw": said if isinstance(said, str) and said else f"shown by dsoftbus {version}",
        },
        "o": {"name": "dsoftbus", "sw": version},
        "avty": [{"t": node, **here}, {"t": gateway, **here}],
        "avty_mode": "all",
        "cmps": {**found, **gone},
    }


def components(shown: Shown, topics: Topics) -> dict[str, dict[str, Any]]:
    """The components of a node, by their ids."""
    calls = {offer.name: offer for offer in shown.offers if offer.kind == "call"}
    states = {offer.name: offer for offer in shown.offers if offer.kind == "state"}
    for name in shown.values:
        states.setdefault(name, Offer("state", name))
    found = {}
    for offer in states.values():
        settable = offer.name + _SET in calls
        about = _state(offer, shown, settable, topics)
        if about is not None:
            found[_mark("state", offer.name)] = _whole("state", offer.name, about, shown)
    for offer in _buttons(calls.values(), states):
        about = {"p": "button", "cmd_t": topics.call(shown.level, offer.name), "pl_prs": "null"}
        found[_mark("call", offer.name)] = _whole("call", offer.name, about, shown)
    return dict(list(found.items())[:_COMPONENTS])


def is_light(offer: Offer) -> bool:
    """Returns whether a state that can be set is a light, and not a switch or a number."""
    return bool(_LIGHT.search(offer.shape.lower()))


def light_state(value: Any) -> bytes:
    """The state of a light as Home Assistant reads it: of a bool, or of a map with `on` and
    `brightness`."""
    if not isinstance(value, dict):
        on = value if isinstance(value, bool) else None
        return _json({"state": _on(on)})
    said: dict[str, Any] = {"state": _on(value.get("on"))}
    if type(value.get("brightness")) in (int, float):
        said["brightness"] = value["brightness"]
    return _json(said)


def light_value(asked: Any, offer: Offer) -> Any:
    """The value for the call of what Home Assistant wants of a light. Raises ValueError."""
    if not isinstance(asked, dict) or asked.get("state") not in ("ON", "OFF"):
        raise ValueError("that is no command for a light")
    on = asked["state"] == "ON"
    if "brightness" not in offer.shape.lower():
        return on
    if type(asked.get("brightness")) not in (int, float):
        return {"on": on}
    return {"on": on, "brightness": asked["brightness"]}


# The components


def _mark(kind: str, name: str) -> str:
    return f"{kind}-{clean(name)}"


def _whole(kind: str, name: str, about: dict[str, Any], shown: Shown) -> dict[str, Any]:
    mark = f"{unique(shown.device)}_{_mark(kind, name)}"
    whole = {**about, "uniq_id": mark, "name": name}
    if shown.expire_s is not None and about["p"] in ("sensor", "binary_sensor"):
        whole["exp_aft"] = shown.expire_s
    return whole


def _state(offer: Offer, shown: Shown, settable: bool, topics: Topics) -> dict[str, Any] | None:
    where = {"stat_t": topics.topic(shown.level, offer.name)}
    if settable:
        where["cmd_t"] = topics.call(shown.level, offer.name + _SET)
        if is_light(offer):
            return _light(offer, shown, topics)
    kind = _kind(offer, shown.values.get(offer.name))
    if kind is bool:
        return {**_truth(settable), **where}
    if kind is float and settable:
        return {**_number(offer), **where}
    where.pop("cmd_t", None)
    return None if kind is None else {**_sensor(offer, kind), **where}


def _kind(offer: Offer, value: Any) -> type | None:
    """bool, float or str: of its last value, else as its shape says; None for what is shown as
    nothing, as maps are."""
    for kind, types in ((bool, bool), (float, (int, float)), (str, str)):
        if isinstance(value, types):
            return kind
    if value is not None:
        return None
    shape = offer.shape.lower()
    if _BOOL.search(shape):
        return bool
    if offer.unit or _NUMBER.search(shape) or _RANGE.search(shape):
        return float
    return str if _TEXT.search(shape) or not shape else None


def _truth(settable: bool) -> dict[str, Any]:
    if not settable:
        return {"p": "binary_sensor", "pl_on": "true", "pl_off": "false"}
    states = {"stat_on": "true", "stat_off": "false"}
    return {"p": "switch", "pl_on": "true", "pl_off": "false", **states}


def _number(offer: Offer) -> dict[str, Any]:
    low, high = _range(offer.shape) or (-1e6, 1e6)
    whole = low.is_integer() and high.is_integer() and "float" not in offer.shape.lower()
    found: dict[str, Any] = {"p": "number", "min": low, "max": high, "step": 1 if whole else 0.01}
    if offer.unit:
        found["unit_of_meas"] = _UNITS.get(offer.unit, (offer.unit,))[0]
    return found


def _sensor(offer: Offer, kind: type) -> dict[str, Any]:
    if kind is str:
        return {"p": "sensor", "val_tpl": _TEXT_VALUE}
    found: dict[str, Any] = {"p": "sensor", "val_tpl": _VALUE, "stat_cla": "measurement"}
    unit, device_class, found["stat_cla"] = _UNITS.get(
        offer.unit, (offer.unit, _by_word(offer), "measurement")
    )
    if unit:
        found["unit_of_meas"] = unit
    if device_class:
        found["dev_cla"] = device_class
    return found


def _by_word(offer: Offer) -> str:
    said = f"{offer.name} {offer.about}".lower()
    return next((kind for word, kind in _BY_WORD.get(offer.unit, ()) if word in said), "")


def _light(offer: Offer, shown: Shown, topics: Topics) -> dict[str, Any]:
    found: dict[str, Any] = {
        "p": "light",
        "schema": "json",
        "stat_t": topics.light(shown.level, offer.name),
        "cmd_t": topics.set(shown.level, offer.name),
    }
    if "brightness" in offer.shape.lower():
        scale = _range(offer.shape[offer.shape.lower().index("brightness") :])
        found["brightness"] = True
        found["bri_scl"] = max(int(scale[1]), 1) if scale else _BRIGHTNESS
    return found


def _buttons(calls: Iterable[Offer], states: Mapping[str, Offer]) -> Iterable[Offer]:
    for offer in calls:
        of_state = offer.name.endswith(_SET) and offer.name[: -len(_SET)] in states
        if not of_state and _NOTHING.fullmatch(offer.shape.lower()):
            yield offer


def _range(shape: str) -> tuple[float, float] | None:
    found = _RANGE.search(shape)
    if found is None or float(found[1]) >= float(found[2]):
        return None
    return float(found[1]), float(found[2])


def _on(value: Any) -> str | None:
    return {True: "ON", False: "OFF"}.get(value) if isinstance(value, bool) else None


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
