"""Links without a descriptor, as a runtime's watch sees them."""

from __future__ import annotations

from collections.abc import Callable


def nobody() -> None:
    """Stands where a watch has its callback."""


class Source:
    """Something that a runtime's watch waits for and that has no descriptor: its `waits_for`.

    `changed()` is called, never from within a call of the watch's own, whenever `readable` or
    `writable` may have become true.
    """

    changed: Callable[[], object] = staticmethod(nobody)
    readable = False
    writable = False

    @property
    def waits_for(self) -> Source:
        return self

    def attach(self, changed: Callable[[], object]) -> None:
        """A watch begins: it hears of what comes from now on, and looks itself what is there."""
        self.changed = changed

    def detach(self) -> None:
        """The watch is over."""
        self.changed = nobody
