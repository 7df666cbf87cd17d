"""NewReno and its pacing (RFC 9002 section 7): how much may be under way, and how fast it goes."""

if False:  # for types
    from dsoftbus.packet.rtt import Rtt


INITIAL_PACKETS = 10  # RFC 9002 section 7.2
LEAST_PACKETS = 2
BURST_PACKETS = 10  # what may go at once: as much as the initial window


class NewReno:
    """Sizes in bytes. `limit` is what the sender's buffers can hold, `datagram` the longest packet
    as the path is known."""

    def __init__(self, datagram_bytes: int, limit: int) -> None:
        self.datagram = datagram_bytes
        self._limit = limit
        self.in_flight = 0
        self.restart()

    def restart(self) -> None:
        """Knows nothing about the path; what is under way stays so."""
        self.window = min(INITIAL_PACKETS * self.datagram, self._limit)
        self.threshold = self._limit  # of slow start
        self._recovery = -1  # losses up to this packet number are one event
        self._acked = 0

    @property
    def slow_start(self) -> bool:
        return self.window < self.threshold

    @property
    def has_room(self) -> bool:
        """Tells whether one more packet may go."""
        return self.in_flight < self.window  # the last one may stand out: small windows count

    def on_sent(self, size: int) -> None:
        self.in_flight += size

    def on_acked(self, number: int, size: int, sent_at: int, now: int) -> None:
        used = self.in_flight
        self.in_flight -= size
        if number <= self._recovery or used * 2 < self.window:
            return  # recovering, or the sender does not fill what it has (section 7.8)
        if self.slow_start:
            self.window += size
        else:
            self._acked += size
            if self._acked >= self.window:
                self._acked -= self.window
                self.window += self.datagram
        if self.window > self._limit:
            self.window = self._limit

    def on_lost(self, number: int, size: int, last_number: int) -> None:
        """`number` is lost; `last_number` is the newest that has been sent."""
        self.in_flight -= size
        if number <= self._recovery:
            return
        self._recovery = last_number
        self._acked = 0
        self.window = max(self.window >> 1, LEAST_PACKETS * self.datagram)
        self.threshold = self.window

    def collapse(self) -> None:
        """Nothing has arrived for several probes: restart with the least window (section 7.6)."""
        self.window = LEAST_PACKETS * self.datagram


class Pacer:
    """Spreads packets over the round trip: a bucket that fills at 5/4 of window per RTT, twice
    the window in slow start, so that pacing itself never holds the window back."""

    def __init__(self, datagram_bytes: int, congestion: NewReno, rtt: "Rtt", now: int) -> None:
        self.datagram = datagram_bytes
        self._congestion = congestion
        self._rtt = rtt
        self._at = now
        self.restart()

    def restart(self) -> None:
        """Knows nothing about the path."""
        self._tokens = BURST_PACKETS * self.datagram

    def ready_at(self, now: int) -> int:
        """Returns when the next packet may go, in ms, `now` at the earliest."""
        rtt = max(self._rtt.smoothed, 1)
        window = self._congestion.window
        per_rtt = window * 2 if self._congestion.slow_start else window + (window >> 2)
        if now > self._at:
            self._fill(now, rtt, per_rtt)
        if self._tokens >= self.datagram or not self._rtt.known:
            return now
        missing = self.datagram - self._tokens
        return now + (missing * rtt + per_rtt - 1) // per_rtt

    def _fill(self, now: int, rtt: int, per_rtt: int) -> None:
        elapsed = min(now - self._at, rtt)
        most = max(BURST_PACKETS * self.datagram, 2 * per_rtt // rtt)
        self._tokens = min(self._tokens + per_rtt * elapsed // rtt, most)
        self._at = now

    def on_sent(self, size: int) -> None:
        self._tokens -= size
