"""The URL of a broker: `mqtt://[USER[:PASSWORD]@]HOST[:PORT]`, or `mqtts://` for TLS."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote, unquote

from dsoftbus.errors import BAD_ARGUMENT, LocalError
from dsoftbus_host.address import check_host, host_port, port_of

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerUrl(NamedTuple):
    """Its parts; `str` of one never shows the password."""

    host: str
    port: int
    tls: bool = False
    user: str = ""
    password: str = ""

    def __str__(self) -> str:
        user = quote(self.user, safe="") + (":..." if self.password else "")
        return self._written(user)

    @property
    def whole(self) -> str:
        """The URL with its password, for a token and for the file of groups."""
        user = quote(self.user, safe="")
        if self.password:
            user += ":" + quote(self.password, safe="")
        return self._written(user)

    def _written(self, user: str) -> str:
        scheme = "mqtts" if self.tls else "mqtt"
        return f"{scheme}://{user}{'@' if user else ''}{host_port(self.host, self.port)}"


def parse(text: str) -> BrokerUrl:
    """The URL in `text`. Raises LocalError(BAD_ARGUMENT), which does not repeat a password."""
    scheme, found, rest = text.partition("://")
    if not found or scheme not in _PORTS:
        raise LocalError(BAD_ARGUMENT, "a broker is mqtt://HOST or mqtts://HOST")
    login, at, place = rest.rstrip("/").rpartition("@")
    user, _, password = login.partition(":")
    if at and not user:
        raise LocalError(BAD_ARGUMENT, "a broker's password goes with a user's name")
    host, port = _place(place, _PORTS[scheme])
    return BrokerUrl(host, port, scheme == "mqtts", unquote(user), unquote(password))


def _place(place: str, port: int) -> tuple[str, int]:
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
    else:
        host, colon, number = place.partition(":")
        rest = colon + number
    if rest:
        found = port_of(rest[1:]) if rest[0] == ":" else None
        if found is None:
            raise LocalError(BAD_ARGUMENT, f"{place}: no port")
        port = found
    if not host:
        raise LocalError(BAD_ARGUMENT, "a broker is mqtt://HOST or mqtts://HOST")
    check_host(host)
    return host, port
