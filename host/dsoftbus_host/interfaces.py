"""This host's IPv4 interfaces, for discovery."""

from __future__ import annotations

from ipaddress import IPv4Interface
from typing import NamedTuple

import ifaddr

from dsoftbus.errors import BAD_ARGUMENT, LocalError


class Interface(NamedTuple):
    """An address of this host, and the address that reaches everyone beside it."""

    address: str
    broadcast: str


LOOPBACK = Interface("127.0.0.1", "127.255.255.255")


def all_interfaces() -> list[Interface]:
    """Every IPv4 address that this host has, loopback included."""
    found = [
        of(f"{ip.ip}/{ip.network_prefix}")
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if ip.is_IPv4
    ]
    return found or [LOOPBACK]


def of(text: str) -> Interface:
    """The interface `ADDRESS/PREFIX`. Raises LocalError(BAD_ARGUMENT)."""
    try:
        interface = IPv4Interface(text)
    except ValueError:
        raise LocalError(BAD_ARGUMENT, f"{text}: an interface is ADDRESS/PREFIX") from None
    return Interface(str(interface.ip), str(interface.network.broadcast_address))
