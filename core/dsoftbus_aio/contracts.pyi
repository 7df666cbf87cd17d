"""What programs and ports give to this layer: types, as in `dsoftbus.contracts`."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from dsoftbus.contracts import Address
from dsoftbus_aio.connection import Connection

Callback: TypeAlias = Callable[[], object]  # what it returns is not looked at
Progress: TypeAlias = Callable[[int, int], object]  # bytes done, bytes in all
Handler: TypeAlias = Callable[[Connection, Any], Awaitable[object]]  # connection, its BusStream

class Listener(Protocol):
    """Where stream links come from; nothing of it blocks."""

    @property
    def waits_for(self) -> Any: ...
    def accept(self) -> tuple[Any, Address] | None: ...
    def close(self) -> None: ...
