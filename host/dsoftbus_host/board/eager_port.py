"""A serial port that takes from the system all that has come: `mpremote` asks for single bytes."""

from __future__ import annotations

from typing import Any


class EagerPort:
    """Stands for the pyserial port that it is made of, in all but how it reads."""

    def __init__(self, port: Any) -> None:
        self.__dict__.update(_port=port, _held=bytearray())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._port, name, value)

    @property
    def in_waiting(self) -> int:
        """Bytes that a read has at once: all of them, or those taken before."""
        return len(self._held) or int(self._port.in_waiting)

    def inWaiting(self) -> int:  # as pyserial and mpremote call it
        """Returns `in_waiting`."""
        return self.in_waiting

    def read(self, size: int = 1) -> bytes:
        """Returns `size` bytes, or fewer where the port's timeout ends first."""
        missing = size - len(self._held)
        if missing > 0:
            self._take(missing)
        return self._given(size)

    def read_through(self, last: bytes) -> bytes:
        """Returns what has come, as far as the first byte `last` in it; nothing where the port's
        timeout ends first."""
        if not self._held:
            self._take(1)
        return self._given(self._held.find(last) + 1 or len(self._held))

    def _take(self, least: int) -> None:
        self._held.extend(self._port.read(max(least, self._port.in_waiting)))

    def _given(self, size: int) -> bytes:
        data = bytes(self._held[:size])
        del self._held[:size]
        return data
