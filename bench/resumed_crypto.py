"""The crypto of a board's handshakes, counted: what `resume` reckons instructions from."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "core"))

from dsoftbus.crypto.suite import Hash
from pairs import ToyAead, ToyPair, ToySuite
from resuming import Hub


class Done(NamedTuple):
    """Public keys made, other products of the ladder, blocks of SHA-256, bytes of each message
    that was sealed or opened."""

    keys: int
    exchanges: int
    blocks: int
    sealed: list[int]


class _Counting(ToySuite):
    """A suite that notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = self.exchanges = self.blocks = 0
        self.sealed: list[int] = []
        self.hash = Hash(b"SHA256", self._digest)
        self.keypair = self._keypair
        self.cipher = self._cipher

    def _digest(self, data: bytes) -> bytes:
        self.blocks += (len(data) + 9 + 63) // 64
        return hashlib.sha256(data).digest()

    def _keypair(self, secret: bytes) -> Any:
        self.keys += 1
        return _Pair(secret, self)

    def _cipher(self, key: bytes) -> Any:
        return _Aead(key, self)


class _Pair(ToyPair):
    def __init__(self, secret: bytes, suite: _Counting) -> None:
        super().__init__(secret)
        self._suite = suite

    def exchange(self, public: bytes) -> bytes:
        self._suite.exchanges += 1
        return super().exchange(public)


class _Aead(ToyAead):
    def __init__(self, key: bytes, suite: _Counting) -> None:
        super().__init__(key)
        self._suite = suite

    def seal(self, n: int, ad: bytes, src: bytes, start: int, end: int, *to: Any) -> int:
        self._suite.sealed.append(end - start)
        return super().seal(n, ad, src, start, end, *to)

    def open(self, n: int, ad: bytes, src: bytes, start: int, end: int, *to: Any) -> int:
        self._suite.sealed.append(end - start - 16)
        return super().open(n, ad, src, start, end, *to)


def crypto_of(kind: str) -> Done:
    """A handshake as its initiator has it: "full", "default" or "sleeper"."""
    hub = Hub(sleeper=kind == "sleeper")
    if kind != "full":
        hub.visit()
    counting = _Counting()
    hub.board.local.suites = {1: counting}
    mine, theirs = hub.begin()
    while hub.move(mine, theirs):
        pass
    exchanges = counting.exchanges + hub.board_costs.multiplications  # with the static key
    return Done(counting.keys, exchanges, counting.blocks, counting.sealed)
