"""The least node of a board, as its `config.json` says: a line, a list of keys, a bare loop."""

from dsoftbus_mpy.device import startup


def run() -> None:
    """Runs the node until something interrupts it: then the REPL has the console again."""
    startup.run(_node)


def allow(public: bytes) -> None:
    """Lets in the node with this key from the next start on; of too many the oldest gives way."""
    from dsoftbus_mpy.device.minimal_node import allow

    allow(public)


def _node() -> None:
    from dsoftbus_mpy.device.minimal_node import run

    run()
