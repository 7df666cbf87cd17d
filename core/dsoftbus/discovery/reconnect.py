"""The policy for trying a lost peer again; a reconnecting session does the connecting."""

from dsoftbus.base.backoff import Backoff

if False:  # for types
    from dsoftbus.contracts import Random


SETTLED_MS = 10000  # a peer that lets us in and then says no does so within a round trip


class Reconnect:
    """The policy for one peer. Tell it what happened; the next attempt is at `due`.

    `random(n)` spreads the attempts of many nodes. A session that lasted is a success, and the
    wait restarts at 1 s; one that ended at once counts as one more failure, so that a peer that
    refuses after the handshake is not tried in a loop. A new announcement of the peer ends the
    wait.
    """

    def __init__(self, random: "Random") -> None:
        self._backoff = Backoff(random)
        self._failed_at = -1
        self._up_at = 0

    @property
    def due(self) -> int:
        """The time in ms; one in the past is at once."""
        return self._backoff.until

    def connected(self, now: int) -> None:
        self._up_at = now

    def lost(self, now: int) -> None:
        """The session has ended."""
        if now - self._up_at >= SETTLED_MS:
            self._backoff.reset()
        self.failed(now)

    def failed(self, now: int) -> None:
        """An attempt came to nothing."""
        self._failed_at = now
        self._backoff.failed(now)

    def announced(self, heard: int) -> None:
        """The peer announced itself at `heard`, in ms."""
        if heard > self._failed_at:
            self._backoff.reset()
