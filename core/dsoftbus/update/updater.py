"""The updater's place on a board: who has it, and what was begun there (docs/updates.md).

The work itself is `update_calls` and `update_files`, which a board has in its heap by turns: what
is kept from one to the other lies here.
"""

from dsoftbus.errors import UPDATE_STATE, LocalError

if False:  # for types
    from dsoftbus.contracts import Any

SILENCE_MS = 60000  # after which an updater has lost its place


class Announced:
    """The version that `begin` announces: `size` in bytes and `count` of its files, `hash` is the
    SHA-256 of its manifest, `digest` that in hex."""

    track: str
    version: str
    size: int
    count: int
    digest: str
    hash: bytes
    force: bool
    trial_s: int


class Updater:
    """`place` is the board. `session` is whatever tells one updater from another; `now` in ms."""

    def __init__(self, place: "Any") -> None:
        self.place = place
        self.session: Any = None  # of who has the place
        self.silent_at = 0  # when it is free, unless something comes
        self.begun: Announced | None = None
        self.path = ""  # of the slot that is written, with `/` at its end
        self.ready = False  # its manifest is there

    def check_place(self, session: "Any", now: int) -> None:
        """Raises LocalError(UPDATE_STATE) where this session has not begun, or was silent for too
        long; else its time begins anew."""
        if self.session is not session or now >= self.silent_at:
            raise LocalError(UPDATE_STATE, "nothing was begun in this session")
        self.heard(now)

    def heard(self, now: int) -> None:
        """The updater is there."""
        self.silent_at = now + SILENCE_MS

    def release(self) -> None:
        """The place is free."""
        self.session = self.begun = None
