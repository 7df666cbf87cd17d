"""The URL of a group's broker: `mqtt://[USER[:PASSWORD]@]HOST[:PORT]`, or `mqtts://` for TLS."""

from dsoftbus.errors import BAD_ARGUMENT, LocalError

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_PORT_MAX = 65535


def parted(url: str) -> tuple:
    """(whether it is TLS, host, port, user, password), the last two in bytes. Raises LocalError
    for what is no such URL; it does not say the URL, which may hold a password."""
    scheme, _, rest = url.partition("://")
    rest = rest[:-1] if rest[-1:] == "/" else rest
    login, _, place = rest.rpartition("@")
    user, _, password = login.partition(":")
    host, port = _place(place, _PORTS.get(scheme.lower(), 0))
    if not host or not 0 < port <= _PORT_MAX or "/" in place:
        raise LocalError(BAD_ARGUMENT, "a broker is mqtt://HOST[:PORT] or mqtts://HOST[:PORT]")
    return scheme.lower() == "mqtts", host, port, _plain(user), _plain(password)


def _place(place: str, port: int) -> tuple:
    host, colon, digits = place.partition(":")
    if colon:
        port = int(digits) if port and digits.isdigit() else 0
    return host, port


def _plain(text: str) -> bytes:
    """`text` in bytes, with each %XX as the byte that it stands for."""
    first, *others = text.encode().split(b"%")
    found = first
    for part in others:
        try:
            found += bytes((int(part[:2], 16),)) + part[2:]
        except ValueError:
            raise LocalError(BAD_ARGUMENT, "% and two hexadecimal digits")
    return found
