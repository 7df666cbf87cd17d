"""The order in which a board's start takes the heap; it leaves the heap afterwards."""

import gc

# The order in which a node takes the heap: (slice as a board has it, the setting that wants it).
# A heap that holds trust, keys and a configuration has no large piece left, so what needs some
# comes before those are read, and what needs the largest comes first. What is not installed is
# left out; from sources, and frozen, only the kernels matter.
_ORDER = (
    ("dsoftbus_thumb", ""),  # machine code: one piece for each function, 1 KB, 5 KB as viper's
    ("dsoftbus_kernels", ""),
    ("dsoftbus_machine", ""),
    ("dsoftbus_core", ""),  # the names of all: their pools grow by doubling, up to 2 KB
    ("dsoftbus_trust", ""),  # tables of globals and of names
    ("dsoftbus_board_node", ""),
    ("dsoftbus_board_start", ""),
    ("dsoftbus_cable_node", ""),
    ("dsoftbus_log", "logs"),
    ("dsoftbus_line", "serial"),  # the code of links: config.json is read by now, nothing else
    ("dsoftbus_serial", "serial"),
    ("dsoftbus_udp", "port"),
    ("dsoftbus_tcp", "port"),
    ("dsoftbus_wifi", "wifi"),
    ("dsoftbus_discovery", "port"),
    ("dsoftbus_line_discovery", "serial"),
    ("dsoftbus_broker", "group"),
    ("dsoftbus_echo", "echo"),
    ("dsoftbus_files", "files"),
)
# Of what is free after the start: a collection each time this part of it has been taken. Without
# one the heap is filled to its end with what lives long between what does not.
_PART = 4


def load(settings) -> None:
    """Loads what these settings want of the order; without settings what every node wants."""
    for name, wanted in _ORDER:
        if settings and name == "dsoftbus_udp" and settings["link"] == "tcp":
            continue
        if settings[wanted] if settings and wanted else settings is None and not wanted:
            try:
                __import__(name)
            except (ImportError, ValueError):  # not installed, or machine code of another kind
                pass
            gc.collect()
    if settings:
        gc.threshold(gc.mem_free() // _PART)
