"""A block whose fault is logged and ends nothing else."""

from __future__ import annotations

from types import TracebackType

from dsoftbus_host import display

log = display.log()


class Contained:
    """Stands around what asyncio's loop calls by itself: an exception that left such a call would
    take along what comes after it, as the timer that is to be set again.

    `what` names the work, for the log.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False  # none, or the end of the program
        log.error("%s", self._what, exc_info=error)
        return True
