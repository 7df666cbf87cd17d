"""The needs of a node that its port has to meet; else Unsupported, with a detail that says what is
missing.

Asked for at the start, so that a board which cannot be what its configuration says refuses it in
one line.
"""

# Ours

import gc

from dsoftbus.errors import Unsupported

# What a node and its first session hold beside the code, on the 32-bit port with the profile SMALL
# (docs/memory.md): 7,600 bytes over TCP, 11,900 over a serial line. With less, the first peer
# that comes would be the end of it; what a program of its own needs comes on top.
_STREAM_BYTES = 8 * 1024
_DATAGRAM_BYTES = 12 * 1024


def sockets():
    """The port's module `socket`."""
    return module("socket", "sockets")


def network():
    """The port's module `network`, with an interface for Wi-Fi."""
    found = module("network", "Wi-Fi")
    if not hasattr(found, "WLAN"):
        raise Unsupported("Wi-Fi: this port's module network has no WLAN")
    return found


def machine(name: str, what: str):
    """Returns the attribute `name` of the module `machine`, such as its class UART."""
    found = getattr(module("machine", what), name, None)
    if found is None:
        raise Unsupported("%s: this port's module machine has no %s" % (what, name))
    return found


def uart():
    """The class `machine.UART`."""
    return machine("UART", "UART")


def heap(datagrams: bool) -> None:
    """Refuses where less is free than a node and its first session hold."""
    need = _DATAGRAM_BYTES if datagrams else _STREAM_BYTES
    gc.collect()
    free = gc.mem_free()
    if free < need:
        raise Unsupported("heap: %d bytes are free, a node needs %d" % (free, need))


def module(name: str, what: str):
    """The module `name`, which gives the port its `what`."""
    try:
        return __import__(name)
    except ImportError:
        raise Unsupported("%s: this port has no module %s" % (what, name))
