"""The status of a `CLOSED`, and other ends of a subscription, with labels (docs/services.md)."""

from dsoftbus.errors import BusError

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


# Public

UNSUBSCRIBED = const(0)
DENIED = const(0xB0)
BUSY = const(0xB1)
BAD_FILTER = const(0xB2)
# Never on the wire: this side ends it.
TOO_MANY = const(0xB3)
TOO_LARGE = const(0xB4)


class TopicError(BusError):
    """A subscription that has ended, or a topic that there is no place for; `code` is one of this
    module's."""

    @property
    def label(self) -> str:
        """The stable name of `code`, for people and logs."""
        # By name and late, as those of calls.
        labels = __import__("dsoftbus.service.topic_labels", None, None, ("LABELS",)).LABELS
        return labels.get(self.code) or "topic.0x%02x" % self.code
