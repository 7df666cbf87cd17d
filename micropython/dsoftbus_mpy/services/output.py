"""The log of a board hears what its programs print; a node that keeps none does not load this.

`print` is replaced among the builtins, which every port for boards lets programs do; where one
does not, the log has only what `bus.log` adds.
"""

import asyncio
import builtins
import io

from dsoftbus.service.log_ring import ERROR


class Output:
    """Stands for `print`: prints as ever, and adds what was printed to `records`."""

    def __init__(self, records):
        self._records = records
        self._sink = _Sink(records)
        self._print = _print()
        self._adding = False
        try:
            builtins.print = self
        except AttributeError:
            pass
        loop = asyncio.get_event_loop()
        if loop.get_exception_handler() is None:
            loop.set_exception_handler(_on_exception)

    def __call__(self, *args, **named):
        self._print(*args, **named)
        if "file" not in named and not self._adding:  # what `__str__` prints is no line of its own
            self._add(args, named)

    def _add(self, args, named) -> None:
        self._adding = True
        try:
            self._print(*args, file=self._sink, **named)
        except MemoryError:  # the program goes on; the log lacks a line
            pass
        finally:
            self._adding = False

    def error(self, line: str) -> None:
        """Prints a line of an error."""
        self._print(line)
        self._records.add((line + "\n").encode(), ERROR)

    def close(self) -> None:
        """`print` is what it was."""
        if _print() is self:
            builtins.print = self._print


def _print():
    """Returns `print` as programs find it: `builtins.print` is the interpreter's own, whatever
    stands for it."""
    return print


class _Sink(io.IOBase):
    def __init__(self, records):
        self._records = records

    def write(self, data) -> int:
        self._records.add(data)
        return len(data)


def _on_exception(_loop, context) -> None:
    """A task of the program has ended with an error that nobody waits for."""
    from dsoftbus_mpy.base.display import print_error

    print_error(context["exception"])
