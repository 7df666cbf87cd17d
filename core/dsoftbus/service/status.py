"""The status of a `REPLY`: why a call has no value, with labels (docs/services.md)."""

from dsoftbus.errors import BusError

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


# Public

OK = const(0)
ERROR = const(0xA0)
NO_METHOD = const(0xA1)
DENIED = const(0xA2)
BUSY = const(0xA3)
LATE = const(0xA4)
CANCELLED = const(0xA5)
TOO_LARGE = const(0xA6)
FAILED = const(0xA7)
BAD_VALUE = const(0xA8)
# Never on the wire: the session ended first.
NOT_MADE = const(0xAE)
UNKNOWN = const(0xAF)


class CallError(BusError):
    """A call that has no value. A handler raises `CallError(number, text)`, both its own, which
    its caller gets as they are; `code` is ERROR then, else one of this module's."""

    def __init__(self, number: int, text: str = "", code: int = ERROR) -> None:
        super().__init__(code, text)
        self.number = number

    @property
    def label(self) -> str:
        """The stable name of `code`, for people and logs."""
        # By name, because that module needs the codes above; and late: boards seldom say it.
        labels = __import__("dsoftbus.service.call_labels", None, None, ("LABELS",)).LABELS
        return labels.get(self.code) or "call.0x%02x" % self.code

    def __str__(self) -> str:
        said = self.label + (" %d" % self.number if self.code == ERROR else "")
        return said + (": " + self.detail if self.detail else "")
