# Runs in the WebAssembly port before anything is measured: stands in for what a board has and this
# port lacks. What is imported there and not used costs nothing here either.

import sys


class Absent:
    def __getattr__(self, name):
        return 1


for name in ("socket", "ssl", "select", "machine"):
    try:
        __import__(name)
    except ImportError:
        sys.modules[name] = Absent()

# A board has these in C and nothing more; this port wraps them in modules of its own, in Python.
for name in ("os", "binascii", "collections", "io", "time"):
    sys.modules[name] = __import__("u" + name)
