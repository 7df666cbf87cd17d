"""dsoftbus on MicroPython: sockets, clock, entropy, key file, crypto kernels, and two drivers.

Names load at their first use, so that a board pays only for what it imports.
"""

from dsoftbus import lazy

# Public name -> the module that defines it.
_HOME = {
    "Bus": "bus",
    "Loop": "loop",
    "SerialLoop": "loop_serial",
    "BareBus": "bare_bus",
    "Answers": "services.answers",
    "Publications": "services.publications",
    "CallError": "services.call_error",
    "ANYONE": "node",
    "BusError": "node",
    "LocalError": "node",
    "PeerError": "node",
    "Unsupported": "node",
}

__getattr__ = lazy("dsoftbus_mpy", _HOME, globals())
