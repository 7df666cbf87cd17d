"""The labels of a subscription's end: what people and logs see of it."""

from dsoftbus.service import topic_status

LABELS = {
    topic_status.UNSUBSCRIBED: "topic.unsubscribed",
    topic_status.DENIED: "topic.denied",
    topic_status.BUSY: "topic.busy",
    topic_status.BAD_FILTER: "topic.bad_filter",
    topic_status.TOO_MANY: "topic.too_many",
    topic_status.TOO_LARGE: "topic.too_large",
}
