"""The start of a board, for the unix port: boot.py, and then main.py."""

import os
import sys


def run(path):
    try:
        os.stat(path)
    except OSError:
        return
    try:
        with open(path) as file:
            exec(compile(file.read(), path, "exec"), {"__name__": "__main__"})
    except KeyboardInterrupt as error:
        sys.print_exception(error)
    except Exception as error:  # noqa: BLE001 - a board prints whatever its programs raise
        sys.print_exception(error)


sys.stdout.write("\x06")  # the supervisor waits for it
run("boot.py")
if sys.argv[1:] != ["raw"]:
    run("main.py")
