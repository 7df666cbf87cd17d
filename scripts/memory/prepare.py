# Runs in the WebAssembly port before anything is measured: stands in for what a board has and this
# port lacks. What is imported there and not used costs nothing here either.

import sys


class Absent:
    def __getattr__(self, name):
        return 1


for name in ("socket", "ssl", "select"):
    try:
        __import__(name)
    except ImportError:
        sys.modules[name] = Absent()
