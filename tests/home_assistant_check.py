"""Run by the Python of an environment that has `homeassistant`: reads discovery payloads as JSON,
a list on the standard input, and validates each component by the schema that Home Assistant's own
MQTT integration has for its platform. Prints one line for each component that it refuses."""

import importlib
import json
import sys
from unittest.mock import MagicMock

SHARED = ("device", "origin", "availability", "availability_mode")


def schema_of(platform: str):
    """Returns the schema; packages that only the web server there needs may be absent."""
    for _ in range(20):
        try:
            module = importlib.import_module(f"homeassistant.components.mqtt.{platform}")
            return module.DISCOVERY_SCHEMA
        except ModuleNotFoundError as error:
            sys.modules[error.name] = MagicMock()
    raise RuntimeError(f"homeassistant.components.mqtt.{platform} cannot be loaded")


def expanded(found: dict, names: dict) -> dict:
    return {names.get(name, name): value for name, value in found.items()}


def check_unit(sensor: dict) -> None:
    """Raises ValueError where a device class has no such unit, or no such class of states."""
    from homeassistant.components.sensor import const

    kind = sensor.get("device_class")
    if kind is not None:
        units = const.DEVICE_CLASS_UNITS[kind]
        if sensor.get("unit_of_measurement") not in units:
            raise ValueError(f"{kind} has no unit {sensor.get('unit_of_measurement')}")
        if sensor["state_class"] not in const.DEVICE_CLASS_STATE_CLASSES[kind]:
            raise ValueError(f"{kind} has no class of states {sensor['state_class']}")


def main() -> None:
    schema_of("sensor")  # so that what is absent is known
    from homeassistant.components.mqtt.abbreviations import (
        ABBREVIATIONS,
        DEVICE_ABBREVIATIONS,
        ORIGIN_ABBREVIATIONS,
    )
    from homeassistant.const import __version__

    known = ABBREVIATIONS | {"dev": "device", "o": "origin"}
    count = 0
    for payload in json.load(sys.stdin):
        whole = expanded(payload, known)
        whole["device"] = expanded(whole["device"], DEVICE_ABBREVIATIONS)
        whole["origin"] = expanded(whole["origin"], ORIGIN_ABBREVIATIONS)
        whole["availability"] = [expanded(each, known) for each in whole["availability"]]
        shared = {name: whole[name] for name in SHARED}
        for mark, component in payload["cmps"].items():
            platform = component.pop("p")
            count += 1
            try:
                taken = schema_of(platform)({**expanded(component, known), **shared})
                if platform == "sensor":
                    check_unit(taken)
            except Exception as error:  # noqa: BLE001 - whatever its schema raises
                print(f"{mark}: {platform}: {error}")
    print(f"{count} components, homeassistant {__version__}", file=sys.stderr)


if __name__ == "__main__":
    main()
