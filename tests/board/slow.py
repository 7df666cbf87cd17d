"""A board in CI at a real board's speed: reading costs it time for each byte, an answer costs it a
turn, a key and its garbage cost it more, and while it is busy it reads nothing."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

from board.supervisor import Supervisor

BYTE_S = 70e-6  # to read one from the console: a Pico at 125 MHz
AT_ONCE = 32  # bytes that pass between two looks
KEYS_S = 0.24  # two scalar multiplications
GARBAGE_S = 0.09
GARBAGE_TURNS = 24  # between two pauses


class SlowBoard(Supervisor):
    """A `Supervisor` whose board takes `turn_ms` for each answer; the next `keys` of them cost it
    two scalar multiplications more."""

    def __init__(
        self, folder: Path, heap: str = "256k", turn_ms: int = 100, modules: str = ""
    ) -> None:
        self.keys = 0
        self.turns = 0
        self._turn_s = turn_ms / 1000
        self._read_at = 0.0  # it is free to read again
        self._answer_at: float | None = None  # the end of the turn that it is in
        super().__init__(folder, heap, modules)

    def pump(self, timeout_s: float | None = None) -> bool:
        now = time.monotonic()
        busy = self._answer_at is not None and now < self._answer_at
        watched, due = [self._wake], self._answer_at if busy else None
        if not busy:
            watched.append(self._inner)
            if now >= self._read_at:
                watched.append(self._outer)
            else:
                due = self._read_at
        if due is not None:
            left_s = due - now
            timeout_s = left_s if timeout_s is None else min(left_s, timeout_s)
        ready, _, _ = select.select(watched, (), (), timeout_s)
        if self._wake in ready:
            return False
        if self._inner in ready:
            self._answer()
        elif self._outer in ready:
            data = os.read(self._outer, AT_ONCE)
            self._read_at = time.monotonic() + len(data) * BYTE_S
            self._answer_at = None
            self._to_board(self.to_board(data))
        return True

    def _answer(self) -> None:
        """Sends all that the board says at the end of its turn."""
        if self._answer_at is None:
            self.turns += 1
            busy_s = self._turn_s
            if self.keys:
                self.keys -= 1
                busy_s += KEYS_S
            if not self.turns % GARBAGE_TURNS:
                busy_s += GARBAGE_S
            self._answer_at = time.monotonic() + busy_s
        else:
            self._from_board()
