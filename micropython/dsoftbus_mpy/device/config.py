"""`config.json`: what it may say, and what is wrong with what it says.

| key           | without it        | what it is                                             |
|---------------|-------------------|--------------------------------------------------------|
| `name`        | `board`           | what people call the node                              |
| `serial`      | `console`         | its line: `console`, `uart`, or "" for none            |
| `uart`        | the board's own   | `[id, tx, rx]`, as `machine.UART` takes them           |
| `baud`        | 115200            | of that UART                                           |
| `wifi`        | none              | `[network, password]`; an empty network is none        |
| `address`     | DHCP gives it     | `[address, mask, gateway, name server]`                |
| `host`        | `0.0.0.0`         | the address to listen at                               |
| `port`        | 37021             | the port to listen at, 0 for none; without Wi-Fi 0     |
| `link`        | `tcp`             | `tcp`, `udp`, or `auto` for both                       |
| `discovery`   | true              | whether it announces itself, or the port to do it on   |
| `broadcast`   | `255.255.255.255` | what reaches everyone on the network                   |
| `grants`      | nothing           | what peers may do that pair by the token               |
| `rules`       | none              | the node's own rules, as `allow in * temperature`      |
| `echo`        | true              | whether it serves the stream `echo`                    |
| `files`       | none              | the folder where peers may store and fetch files       |
| `quota`       | none              | how many bytes may lie in that folder                  |
| `group`       | none              | the token of a group, whose broker it meets others at  |
| `updates`     | false             | whether peers with that right may update it            |
| `logs`        | false             | whether it keeps a log from its start on               |
| `console`     | false             | whether peers may run programs here that have the right |
| `watchdog_ms` | 0                 | it starts anew when the node stood still for so long   |

A board reads this module once, and lets go of it.
"""

# Public

import json
import os

from dsoftbus.base.codec import is_name
from dsoftbus.const import NODE_NAME_MAX, U30_MAX
from dsoftbus.errors import BusError, LocalError

MODULE = __name__
_PATH = "config.json"
_PORT = 37021
_LINES = ("console", "uart", "")
_LINKS = ("tcp", "udp", "auto")
_SSID_MAX = 32
_PASSWORD_MIN, _PASSWORD_MAX = 8, 64  # of WPA; an open network has none
_FOLDER_MAX = 32
_BAUD_MIN, _BAUD_MAX = 1200, 4000000
_WATCHDOG_MIN, _WATCHDOG_MAX = 1000, 8388  # the RP2040's own counts no further


def read(path: str = _PATH) -> tuple:
    """(settings, with what is left out filled in; what is wrong with the file, a list of texts)"""
    try:
        with open(_whole(path)) as file:
            values = json.load(file)
    except OSError:
        return None, ["there is no " + path]
    except (ValueError, RuntimeError):  # no text, or nested too deep
        return None, [path + " is no JSON: names and texts in double quotes, commas between"]
    wrong = [path + ": " + text for text in problems(values)]
    return (None, wrong) if wrong else (complete(values), wrong)


def _whole(path: str) -> str:
    """`path`, after a power cut on FAT too: that removes the old name before it gives it anew."""
    try:
        os.stat(path)
    except OSError:
        os.rename(path + ".new", path)
    return path


def problems(values) -> list:
    """Returns the faults of these settings: a text for each, which says what would be right."""
    if not isinstance(values, dict):
        return ["it has to be {NAME: VALUE, ...}"]
    wrong = []
    for key, value in values.items():
        if key not in _CHECKS:
            names = " ".join(sorted(_CHECKS))
            wrong.append('there is no setting "%s"; there are %s' % (key, names))
        elif not _passes(key, value):
            wrong.append('"%s" has to be %s, not %s' % (key, _CHECKS[key][1], json.dumps(value)))
    return wrong or _contradictions(complete(values))


def complete(values) -> dict:
    """These settings, and what stands for those that are left out."""
    full: dict = {key: check[2] for key, check in _CHECKS.items()}
    full.update(values)
    if not full["wifi"][0]:
        full["wifi"] = None
    if full["port"] is None:
        full["port"] = _PORT if full["wifi"] else 0
    if full["discovery"] is True:
        full["discovery"] = 37020
    full["discovery"] = int(full["discovery"])
    return full


def _contradictions(full) -> list:
    if not (full["serial"] or full["port"] or full["group"]):
        return ['"serial" is "", no "port", no "group": nobody could reach this node']
    if full["quota"] is not None and not full["files"]:
        return ['"quota" is of the folder "files", which is not there']
    if full["link"] != "tcp" and full["port"] and full["port"] == full["discovery"]:
        return ['"port" has to be another than %d: announcements use that' % full["port"]]
    return []


def _passes(key: str, value) -> bool:
    try:
        return _CHECKS[key][0](value)
    except (TypeError, ValueError, AttributeError, BusError):  # another kind of value
        return False


def _is_text(value, most: int, least: int = 0) -> bool:
    return isinstance(value, str) and least <= len(value.encode()) <= most


def _is_number(value, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _is_bool(value) -> bool:
    return value is True or value is False


def _is_uart(value) -> bool:
    return isinstance(value, list) and len(value) == 3


def _is_wifi(value) -> bool:
    name, password = value
    return name == "" or (
        _is_text(name, _SSID_MAX)
        and (password == "" or _is_text(password, _PASSWORD_MAX, _PASSWORD_MIN))
    )


def _is_folder(value) -> bool:
    """A folder apart from that of the key and the programs, which no peer may read or replace."""
    if not _is_text(value, _FOLDER_MAX) or value[:1] == "." or value[-1:] in (".", " "):
        return value == ""
    return value.lower() != "lib" and not any(char in "/\\:" for char in value)


def _are_addresses(value) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(map(_is_address, value))


def _is_address(value) -> bool:
    parts = value.split(".")
    return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)


def _are_grants(value) -> bool:
    from dsoftbus.trust.acl import grant  # the node has it loaded anyway

    return _all_pass(grant, value)


def _are_rules(value) -> bool:
    from dsoftbus.trust.acl import rule

    return _all_pass(rule, value)


def _is_group(value) -> bool:
    if value == "":
        return True
    try:
        from dsoftbus.broker.group_token import decode  # only who has one pays for it
    except ImportError:  # the next installation brings it
        return value[:15] == "dsoftbus-group:"
    decode(value)  # what is none raises
    return True


def _all_pass(parse, texts) -> bool:
    try:
        for text in texts:
            parse(text)
    except LocalError:
        return False
    return isinstance(texts, list)


# The test, what it tests, and what stands for a setting that is left out.
_CHECKS = {
    "name": (
        lambda v: _is_text(v, NODE_NAME_MAX, 1) and is_name(v),
        "a text of 1 to 32 bytes",
        "board",
    ),
    "serial": (lambda v: v in _LINES, '"console", "uart" or ""', "console"),
    "uart": (_is_uart, "[id, tx, rx]", None),
    "baud": (lambda v: _is_number(v, _BAUD_MIN, _BAUD_MAX), "1200 to 4000000", 115200),
    "wifi": (_is_wifi, '["network", "password of 8 to 64"]', ("", "")),
    "address": (_are_addresses, '["address", "mask", "gateway", "name server"]', None),
    "host": (_is_address, '"a.b.c.d"', "0.0.0.0"),
    "port": (lambda v: _is_number(v, 0, 65535), "1 to 65535, or 0 for none", None),
    "link": (lambda v: v in _LINKS, '"tcp", "udp" or "auto"', "tcp"),
    "discovery": (lambda v: _is_bool(v) or _is_number(v, 1, 65535), "true, false or a port", True),
    "broadcast": (_is_address, '"a.b.c.d"', "255.255.255.255"),
    "grants": (_are_grants, '["allow in|out|both NAME", ...]', ()),
    "rules": (_are_rules, '["allow in|out|both * NAME", ...]', ()),
    "echo": (_is_bool, "true or false", True),
    "files": (_is_folder, "the name of a folder of its own", ""),
    "quota": (lambda v: v is None or _is_number(v, 1, U30_MAX), "1 to 2**30 - 1 bytes", None),
    "group": (_is_group, "a token of `dsoftbus group show`", ""),
    "updates": (_is_bool, "true or false", False),
    "logs": (_is_bool, "true or false", False),
    "console": (_is_bool, "true or false", False),
    "watchdog_ms": (
        lambda v: v == 0 or _is_number(v, _WATCHDOG_MIN, _WATCHDOG_MAX),
        "1000 to 8388, or 0 for none",
        0,
    ),
}
