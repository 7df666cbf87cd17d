"""dsoftbus: the protocol as pure state machines; no sockets, files, clocks or randomness.

Names load at their first use, so that a board pays only for what it imports.
"""

if False:  # for types
    from collections.abc import Callable

    from dsoftbus.contracts import Any


# Public name -> the module that defines it.
_HOME = {
    "Node": "node",
    "Pump": "pump",
    "DatagramPump": "datagram_pump",
    "BusError": "errors",
    "LocalError": "errors",
    "PeerError": "errors",
    "Unsupported": "errors",
}


def lazy(package: str, home: dict[str, str], names: "dict[str, Any]") -> "Callable[[str], Any]":
    """The `__getattr__` of `package`: a public name from its home, or the module of that name.

    MicroPython asks here for modules too: its `from dsoftbus import errors` does not go on to
    search the package after an AttributeError, as CPython's does.
    """

    def find(name: str) -> "Any":
        if name[0] == "_":
            raise AttributeError(name)
        path = package + "." + home.get(name, name)
        try:
            module = __import__(path, None, None, (name,))
        except ImportError as error:
            if path in str(error):  # anything else is a fault inside that module: let it show
                raise AttributeError(name)
            raise
        value = getattr(module, name) if name in home else module
        names[name] = value
        return value

    return find


__getattr__ = lazy("dsoftbus", _HOME, globals())
