"""The labels of a call's status: what people and logs see of it."""

from dsoftbus.service import status

LABELS = {
    status.ERROR: "call.error",
    status.NO_METHOD: "call.no_method",
    status.DENIED: "call.denied",
    status.BUSY: "call.busy",
    status.LATE: "call.late",
    status.CANCELLED: "call.cancelled",
    status.TOO_LARGE: "call.too_large",
    status.FAILED: "call.failed",
    status.BAD_VALUE: "call.bad_value",
    status.NOT_MADE: "call.not_made",
    status.UNKNOWN: "call.unknown",
}
