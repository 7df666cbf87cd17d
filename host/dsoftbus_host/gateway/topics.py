"""The topics of a gateway: names of nodes, topics and calls as levels of MQTT (docs/gateway.md).

Names come from nodes and are data: what has a meaning in a topic of MQTT is written as `%XX`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

ONLINE, OFFLINE = b"online", b"offline"
OWN = "$gateway"  # the level of what gateways say to each other
RESPONSE = "response"
_CALL, _SET = "call", "set"
_LEVEL_MAX = 200  # characters of a prefix
_ESCAPED = re.compile("%([0-9A-F]{2})")
_SHORT = 8  # characters of an id, beside a name that several nodes have


class Asked(NamedTuple):
    """A message of the broker that asks a node for something. `light` is whether `name` is a
    state that Home Assistant sets as a light, else it is a call."""

    level: str
    name: str
    light: bool


def level(text: str) -> str:
    """A name as one level of a topic: no wildcard, no separator, and none of our own levels."""
    found = name_part(text).replace("/", "%2F")
    if found[:1] == "$" or found == RESPONSE:
        found = f"%{ord(found[0]):02X}{found[1:]}"
    return found


def name_part(text: str) -> str:
    """A name of a topic or a call as the end of a topic; its own levels stay levels."""
    return "".join(
        "".join(f"%{byte:02X}" for byte in letter.encode(errors="replace"))
        if letter in "+#%" or not letter.isprintable()
        else letter
        for letter in text
    )


def call_part(name: str) -> str:
    """The name of a call as the end of a topic, so that none looks like the topic of answers."""
    *above, last = name_part(name).split("/")
    return "/".join([*above, f"%72{last[1:]}" if last == RESPONSE else last])


def named(part: str) -> str | None:
    """The name that `name_part` or `call_part` has written; None for what neither writes."""
    raw = b"".join(
        bytes.fromhex(piece) if i % 2 else piece.encode(errors="replace")
        for i, piece in enumerate(_ESCAPED.split(part))
    )
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        return None
    return name if part in (name_part(name), call_part(name)) else None


def levels(names: Mapping[str, str]) -> dict[str, str]:
    """The level of each node, by id, of their names by id: several of one name are told apart by
    the beginning of their ids."""
    found = {device: level(name) or device for device, name in names.items()}
    taken = list(found.values())
    return {
        device: own if taken.count(own) == 1 else f"{own}-{device[:_SHORT]}"
        for device, own in found.items()
    }


class Topics:
    """The topics below a prefix. Raises ValueError for a prefix that is no topic."""

    def __init__(self, prefix: str) -> None:
        if not is_prefix(prefix):
            raise ValueError(f"{prefix!r} is no topic")
        self.prefix = prefix

    def subscriptions(self) -> list[str]:
        """The filters of all that a gateway listens to below its prefix."""
        ends = (f"+/{_CALL}/#", f"+/{_SET}/#", f"{OWN}/#")
        return [f"{self.prefix}/{end}" for end in ends]

    def availability(self, node: str) -> str:
        return f"{self.prefix}/{node}/availability"

    def topic(self, node: str, name: str) -> str:
        return f"{self.prefix}/{node}/topic/{name_part(name)}"

    def call(self, node: str, name: str) -> str:
        return f"{self.prefix}/{node}/{_CALL}/{call_part(name)}"

    def light(self, node: str, name: str) -> str:
        """The topic of a state as Home Assistant has it of a light."""
        return f"{self.prefix}/{node}/light/{name_part(name)}"

    def set(self, node: str, name: str) -> str:
        """The topic where Home Assistant sets a light."""
        return f"{self.prefix}/{node}/{_SET}/{call_part(name)}"

    def gateway(self, gateway: str, what: str) -> str:
        return f"{self.prefix}/{OWN}/{gateway}/{what}"

    def claim(self, device: str) -> str:
        return f"{self.prefix}/{OWN}/claims/{device}"

    def values(self, node: str) -> list[str]:
        """The filters of all that is retained of a node besides its availability."""
        return [f"{self.prefix}/{node}/{what}/#" for what in ("topic", "light")]

    def of_values(self, topic: str) -> str | None:
        """The level of the node whose value this topic has; None for any other topic."""
        parts = self._parts(topic)
        return parts[0] if len(parts) > 2 and parts[1] in ("topic", "light") else None

    def own(self, topic: str) -> tuple[str, str] | None:
        """(gateway, what) or ("claims", id) of what gateways say; None for any other topic."""
        parts = self._parts(topic)
        return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == OWN else None

    def asked(self, topic: str) -> Asked | None:
        """The request that such a topic makes; None where it is none, and for our answers."""
        parts = self._parts(topic)
        if len(parts) < 3 or parts[0] == OWN or parts[1] not in (_CALL, _SET):
            return None
        if parts[-1] == RESPONSE:
            return None
        return Asked(parts[0], "/".join(parts[2:]), parts[1] == _SET)

    def answer(self, topic: str, wanted: object) -> str | None:
        """The topic of an answer: what the request wants, if it may; None if it may not.

        It may only be one that nothing else has: else who may only ask could have this gateway
        write where he must not, or ask again and again.
        """
        if wanted is None:
            return f"{topic}/{RESPONSE}"
        below = f"{self.prefix}/{RESPONSE}/"
        if isinstance(wanted, str) and wanted.startswith(below) and is_prefix(wanted):
            return wanted
        return None

    def _parts(self, topic: str) -> list[str]:
        above = f"{self.prefix}/"
        return topic[len(above) :].split("/") if topic.startswith(above) else []


def is_prefix(text: str) -> bool:
    """Returns whether messages may have this topic, and topics may begin so."""
    whole = 0 < len(text) <= _LEVEL_MAX and text.isprintable() and text[0] != "$"
    return whole and not set("+#") & set(text) and "" not in text.split("/")
