"""The records of Python's `logging`, for the log of a node."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from dsoftbus.service.log_ring import LEVELS

if TYPE_CHECKING:
    from dsoftbus_aio.services.records import Records


class LoggingSource(logging.Handler):
    """Adds what any logger of this process passes on to the root, until `close()`."""

    def __init__(self, records: Records) -> None:
        super().__init__()
        self._records = records
        self._loop = asyncio.get_running_loop()
        self.setFormatter(logging.Formatter("%(message)s"))
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Adds a record, from whatever thread; what is said after the loop's end is left out."""
        text = self.format(record).encode(errors="backslashreplace") + b"\n"
        level = min(max(record.levelno // 10 - 1, 0), len(LEVELS) - 1)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._records.add, text, level)

    def close(self) -> None:
        logging.getLogger().removeHandler(self)
        super().close()
