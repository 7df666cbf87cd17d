"""The console of this board, as long as nobody uses it (docs/console.md)."""

if False:  # for types
    from dsoftbus.contracts import Any


class ConsoleGate:
    """The service `console` of a bus."""

    def handler(self, name: str) -> "Any":
        """The handler of the call of this name, or None."""
        from dsoftbus_aio.services.console import HANDLERS  # for a while

        return HANDLERS.get(name)

    def close(self) -> None:
        """The bus ends."""
