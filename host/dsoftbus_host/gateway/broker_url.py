"""The address of a broker, as people write it: `mqtt://[USER[:PASSWORD]@]HOST[:PORT]`."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from dsoftbus.errors import BAD_ARGUMENT, LocalError

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BrokerUrl(NamedTuple):
    """A broker. `user` and `password` are None where nothing was said."""

    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = None

    @property
    def shown(self) -> str:
        """The broker for people: without the password."""
        scheme = "mqtts" if self.tls else "mqtt"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"


def parsed(text: str) -> BrokerUrl:
    """The broker of a URL, or of HOST[:PORT]. Raises LocalError(BAD_ARGUMENT)."""
    found = text if "://" in text else f"mqtt://{text}"
    try:
        parts = urlsplit(found)
        port = parts.port
    except ValueError:
        raise _wrong(text) from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise _wrong(text)
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    tls = parts.scheme == "mqtts"
    return BrokerUrl(parts.hostname, port or _PORTS[parts.scheme], tls, user, password)


def _wrong(text: str) -> LocalError:
    shown = text.rpartition("@")[2]
    return LocalError(
        BAD_ARGUMENT, f"{shown}: a broker is mqtt://HOST[:PORT], or mqtts:// for TLS"
    )
