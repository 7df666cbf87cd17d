"""Time of a peer: offset and delay of clocks, as in RFC 5905 (docs/services.md, "Time").

Times are ints in us since 1970.
"""

from dsoftbus.errors import CLOCK_NOT_KNOWN, CLOCK_STEP, MALFORMED, LocalError, PeerError

if False:  # for types
    from dsoftbus.contracts import Any

EARLIEST_US = 1735689600000000  # 2025: a clock that says less was never set
STEP_MAX_US = 1000000000  # PANICT of RFC 5905, section 7.2: beyond it, a person has to look
_END_US = 1 << 56  # in the year 4253: more is no time


# Public


class ClockSample:
    """`offset_us`: how far this node's clock is behind the peer's. `delay_us`: the way there and
    back; half of it is the most that the offset is wrong, where the peer's clock is right."""

    def __init__(self, offset_us: int, delay_us: int) -> None:
        self.offset_us = offset_us
        self.delay_us = delay_us


# Ours


def is_known(now_us: int) -> bool:
    """Returns whether a clock that says so has been set."""
    return now_us >= EARLIEST_US


def answer(received_us: int, sent_us: int) -> "list[int] | None":
    """The value that answers the question for the time: None where it is not known."""
    return [received_us, sent_us] if is_known(received_us) else None


def sample_of(asked_us: int, value: "Any", answered_us: int) -> ClockSample:
    """The sample of one question, with its times by this node's clock, and the peer's answer.

    Raises PeerError: CLOCK_NOT_KNOWN, or MALFORMED for what is no answer.
    """
    if value is None:
        raise PeerError(CLOCK_NOT_KNOWN)
    if not isinstance(value, list) or [type(each) for each in value] != [int, int]:
        raise PeerError(MALFORMED, "time")
    received_us, sent_us = value
    delay_us = answered_us - asked_us - (sent_us - received_us)
    if not EARLIEST_US <= received_us <= sent_us < _END_US or delay_us < 0:
        raise PeerError(MALFORMED, "time")
    offset_us = (received_us - asked_us + sent_us - answered_us) // 2
    return ClockSample(offset_us, delay_us)


def check_step(now_us: int, offset_us: int, most_us: int) -> None:
    """Refuses to move a clock that says `now_us` by so much: LocalError(CLOCK_STEP)."""
    if not EARLIEST_US <= now_us + offset_us < _END_US:
        raise LocalError(CLOCK_STEP, "into no time that it could be")
    if is_known(now_us) and abs(offset_us) > most_us:
        raise LocalError(CLOCK_STEP, "%d us, and %d at most" % (offset_us, most_us))
