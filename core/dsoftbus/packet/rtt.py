"""The round-trip time and what follows from it (RFC 6298; RFC 9002 sections 5 and 6), in ms."""

GRANULARITY_MS = 1  # of the core's clock
UNKNOWN_TIMEOUT_MS = 1000  # RFC 6298 section 2.1: until something was measured
# How long an acknowledgement may be held back, in case another packet comes or goes. RFC 9000
# section 18.2 has 25; small windows, as on lossy paths, are measurably faster with less.
ACK_DELAY_MS = 5


class Rtt:
    """Small ints: the mean is kept in eighths, the variation in quarters (RFC 6298 section 2)."""

    unknown_ms = UNKNOWN_TIMEOUT_MS
    margin_ms = GRANULARITY_MS + ACK_DELAY_MS  # between the mean and the timeout, at least

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Nothing is known of the path."""
        self.latest = 0
        self.least = -1  # -1: nothing was measured
        self._mean8 = 0
        self._variation4 = 0

    def sample(self, rtt_ms: int, delay_ms: int = 0) -> None:
        """A packet was answered after `rtt_ms`, of which the peer says it held `delay_ms`."""
        if self.least < 0 or rtt_ms < self.least:
            self.least = rtt_ms
        if rtt_ms - delay_ms >= self.least:
            rtt_ms -= delay_ms
        self.latest = rtt_ms
        if self._mean8 == 0 and self._variation4 == 0:
            self._mean8 = rtt_ms << 3
            self._variation4 = rtt_ms << 1
            return
        error = rtt_ms - (self._mean8 >> 3)
        self._mean8 += error
        self._variation4 += abs(error) - (self._variation4 >> 2)

    @property
    def known(self) -> bool:
        return self.least >= 0

    @property
    def smoothed(self) -> int:
        return self._mean8 >> 3

    @property
    def probe_timeout(self) -> int:
        """The wait for an acknowledgement before asking for one, in ms."""
        if self.least < 0:
            return self.unknown_ms
        return (self._mean8 >> 3) + max(self._variation4 + ACK_DELAY_MS, self.margin_ms)

    @property
    def loss_delay(self) -> int:
        """A packet that is older than one acknowledged by so much is lost: 9/8 of an RTT."""
        return max(max(self.latest, self._mean8 >> 3) * 9 >> 3, GRANULARITY_MS) + GRANULARITY_MS
