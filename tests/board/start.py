"""The start of a board, for the unix port: boot.py, and then main.py."""

import os
import sys


def run(path):
    """Returns whether it went through: a board whose boot.py did not leaves main.py out."""
    try:
        try:
            os.stat(path)
        except OSError:
            return True
        with open(path) as file:
            exec(compile(file.read(), path, "exec"), {"__name__": "__main__"})
        return True
    except KeyboardInterrupt as error:
        sys.print_exception(error)
    except Exception as error:  # noqa: BLE001 - a board prints whatever its programs raise
        sys.print_exception(error)
    return False


sys.stdout.write("\x06")  # the supervisor waits for it
if run("boot.py") and sys.argv[1:] != ["raw"]:
    run("main.py")
