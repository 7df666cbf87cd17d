"""The command line: one module for each group of commands."""

import sys


def main() -> None:
    """The entry point of `dsoftbus`: what the commands need is loaded when it runs."""
    try:
        from dsoftbus_host.cli.command import main as run
    except KeyboardInterrupt:
        sys.exit(130)  # as in `common.command`, which is not there yet
    run()
