"""A board's node, as its `config.json` says: what every `main.py` of `boards/` runs."""

from dsoftbus_mpy.device import startup


def run() -> None:
    """Runs the node until something interrupts it: then the REPL has the console again."""
    startup.run(_node)


def _node() -> None:
    from dsoftbus_mpy.device.board_node import run

    run()
