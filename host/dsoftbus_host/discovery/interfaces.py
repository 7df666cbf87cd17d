"""This host's interfaces: the IPv4 ones for discovery, and where others reach what listens."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Interface, ip_address
from typing import Any, NamedTuple

import ifaddr

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_host.links.resolver import zone_name


class Interface(NamedTuple):
    """An address of this host, and the address that reaches everyone beside it."""

    address: str
    broadcast: str


LOOPBACK = Interface("127.0.0.1", "127.255.255.255")
_ANY_IPV4 = "0.0.0.0"
_ANY_IPV6 = "::"


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


def listened(interfaces: list[Interface], places: Iterable[Any]) -> list[Interface]:
    """Those of `interfaces` on which sockets at `places` are reached; announcements come from an
    IPv4 address, so that one of IPv6 makes none of them so."""
    hosts = {place[0] for place in places}
    return [each for each in interfaces if hosts & {each.address, _ANY_IPV4}]


def sources(places: Iterable[Any]) -> set[str] | None:
    """The addresses from which sockets at `places` may be announced; None: from any."""
    hosts = {place[0] for place in places}
    return None if _ANY_IPV4 in hosts else hosts


def reachable(places: Iterable[Any]) -> list[str]:
    """The addresses under which others reach sockets at `places`: IPv4 first, those that need a
    zone last. Loopback is among them where nothing else is."""
    hosts: list[str] = []
    for host, _, *more in places:
        if host == _ANY_IPV4:
            hosts += [each.address for each in all_interfaces()]
        elif host == _ANY_IPV6:
            hosts += _ipv6_addresses()
        else:
            zone = more[1] if more else 0
            hosts.append(f"{host}%{zone_name(zone)}" if zone else host)
    hosts = sorted(dict.fromkeys(hosts), key=lambda host: (":" in host, "%" in host))
    others = [host for host in hosts if not ip_address(host).is_loopback]
    return others or hosts


def _ipv6_addresses() -> list[str]:
    found = []
    for adapter in ifaddr.get_adapters():
        for host, _, zone in [ip.ip for ip in adapter.ips if isinstance(ip.ip, tuple)]:
            found.append(f"{host}%{zone_name(zone)}" if zone else str(host))
    return found
