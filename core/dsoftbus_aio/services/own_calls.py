"""The bus's own calls: which right each of them asks, and what answers it.

| name | right | answered by |
|---|---|---|
| `dsoftbus/offers` | none: the list has what the asker may use | `directory` |
| `dsoftbus/time` | `call/dsoftbus/time` | `clock` |
| `dsoftbus/update/...` | `update` | what `bus.begun` has under this word, |
| `dsoftbus/logs` | `logs` | and its `handler(name)`: |
| `dsoftbus/console/...` | `console` | the answer to this name, or None |
"""

from dsoftbus.service.call_messages import OFFERS, OWN, PREFIX, TIME

if False:  # for types
    from dsoftbus.contracts import Any
    from dsoftbus_aio.bus import BaseBus


UPDATE = "update"
PRIVILEGED = (UPDATE, "logs", "console")  # as access rules have them


def right(name: str) -> str:
    """Returns the name that the rules are asked with for this call, "" for a call that takes no
    rule."""
    if name == OFFERS:
        return ""
    if name.startswith(OWN):
        word = name[len(OWN) :].split("/", 1)[0]
        if word in PRIVILEGED:
            return word
    return PREFIX + name


def handler(bus: "BaseBus", name: str) -> "Any":
    """Returns the function that answers a call of the bus's own; None where none is installed, or
    what it asks for has not begun here (`BaseBus.begun`)."""
    try:
        if name == OFFERS:
            from dsoftbus_aio.services.directory import answer  # only who is asked pays for it
        elif name == TIME:
            from dsoftbus_aio.services.clock import answer  # as above
        else:
            service = bus.begun.get(right(name))
            return None if service is None else service.handler(name)
    except ImportError:
        return None
    return answer
