"""Measures the heap of boards while they are updated over the air, for docs/memory.md.

    python scripts/memory_updates.py [BOARD ...]

The boards, their port and what is taken off are those of `memory_boards`. Prints for each board
the bytes with a session, after the call `state`, and the most while a version comes and is
read back.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from typing import Any

import memory_boards
from dsoftbus.const import CALLS_STREAM, HOST, KIND_MESSAGES, UPDATE_STREAM
from dsoftbus.service.caller import WAITING, Caller
from dsoftbus.share.messages import LENGTH_BYTES, get_header, length_of, put_header
from dsoftbus.trust.acl import grant
from dsoftbus.trust.store import Entry, TrustStore
from dsoftbus.update.manifest import MANIFEST
from dsoftbus.update.manifest_text import manifest_text
from dsoftbus_host.board.make import compiler
from dsoftbus_host.board.make.boards import Board, every
from memory_boards import SETTLED, Peer, Run, installed, kernels, twins
from memory_port import port

BOARDS = ("rpi_pico", "rpi_pico_w", "esp32")
FILES = {"app.py": b"a" * 6000, "pages/index.html": b"p" * 20000}


class Updater(Peer):
    """A host that updates the board: its calls, and one stream at a time."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self.caller = Caller(HOST)
        self._calls: Any = None
        self.file: Any = None
        self.owes = b""  # what that stream has yet to take
        self.got = b""
        self.now = 0

    def call(self, word: str, value: Any, now: int) -> Any:
        if self._calls is None:
            self._calls = self.session.open(CALLS_STREAM, 2, KIND_MESSAGES)
        return self.caller.call("dsoftbus/update/" + word, value, now, 60000)

    def open(self, first: bytes) -> None:
        self.file = self.session.open(UPDATE_STREAM)
        self.owes, self.got = first, b""

    def turn(self, data: bytes, now: int) -> bytes:
        self.now = now
        return super().turn(data, now)

    def header(self) -> Any:
        """The next header that has come, or an empty tuple."""
        if len(self.got) < LENGTH_BYTES:
            return ()
        end = LENGTH_BYTES + length_of(self.got)
        if len(self.got) < end:
            return ()
        value, self.got = get_header(self.got[LENGTH_BYTES:end]), self.got[end:]
        return value

    def _move(self) -> None:
        super()._move()
        if self._calls is not None:
            self._move_calls()
        if self.file is not None:
            n = self.file.send(self.owes[:1024]) if self.owes else 0
            self.owes = self.owes[n:]
            self.got += self.file.recv(1024)

    def _move_calls(self) -> None:
        stream, caller = self._calls, self.caller
        while (message := stream.recv_message()) is not None:
            caller.receive(message, self.now)
        while stream.max_message > 0 and (said := caller.message(stream.max_message)):
            if not stream.send_message(said):
                return
            caller.sent(said)


class Updated(Run):
    """A board that is updated, turn by turn."""

    peer: Updater

    def ask(self, word: str, value: Any = None) -> list[int]:
        call = self.peer.call(word, value, self._now)
        held = self.until(lambda: call.state != WAITING)
        if call.error is not None:
            raise call.error
        return held

    def put(self, name: str, data: bytes) -> list[int]:
        peer = self.peer
        peer.open(put_header(["put", name, len(data), True]))
        held, _ = self._header()
        peer.owes += put_header(0) + data + hashlib.sha256(data).digest()
        held += self.until(lambda: not peer.owes)
        peer.file.finish()
        more, done = self._header()
        assert done == 0  # noqa: S101 - else the figures are of something else
        return held + more

    def with_calls(self) -> int:
        """The heap in use while a call is answered: that takes no more than a turn, and is not
        seen between two."""
        self.ask("state")  # the code for files leaves
        code = compiler.unit("update-calls")
        return self._port.run(f"__import__({code!r}) and None").held - self.base

    def _header(self) -> tuple[list[int], Any]:
        found: list[Any] = []

        def has() -> bool:
            value = self.peer.header()
            if value != ():
                found.append(value)
            return bool(found)

        return self.until(has), found[0]

    def figures(self) -> dict[str, int]:
        """Bytes of heap in use beyond what a bare board has, with the portable crypto."""
        self.start()
        self.connect()
        session = self.talk()
        self.ask("state")
        stated = self.turns(SETTLED)[-1]
        listed = {name: (hashlib.sha256(data).digest(), len(data)) for name, data in FILES.items()}
        text = manifest_text("1.0", listed).encode()
        begin = {"track": "app", "version": "1.0", "count": len(FILES)}
        begin |= {
            "size": sum(map(len, FILES.values())),
            "digest": hashlib.sha256(text).hexdigest(),
        }
        held = self.ask("begin", begin) + self.put(MANIFEST, text)
        for name, data in FILES.items():
            held += self.put(name, data)
        held += [self.with_calls(), *self.ask("commit")]
        return {"session": session, "state": stated, "update": max(held)}


def flash(board: Board, peer: Peer) -> dict[str, bytes]:
    """The files of `memory_boards.flash`, for a board that its peer may update."""
    files = _flash(board, peer)
    store = TrustStore(HOST)
    rules = [grant("allow both *"), grant("allow in update")]
    store.add(Entry(peer.node.public, "host", rules, 1767225600))
    files["/trust.json"] = "".join(store.lines()).encode()
    files["/config.json"] = json.dumps({**json.loads(board.config), "updates": True}).encode()
    return files


_flash: Callable[[Board, Peer], dict[str, bytes]] = memory_boards.flash


def measured(board: Board, rom: bool) -> dict[str, int]:
    """The figures, with the kernels of this board."""
    with port(installed(board, rom), rom) as opened:
        found = Updated(board, opened).figures()
    portable, _ = twins(rom)
    more = kernels(board) - portable
    return {name: held + more for name, held in found.items()}


if __name__ == "__main__":
    memory_boards.Peer = Updater  # type: ignore[misc]
    memory_boards.flash = flash
    for name in sys.argv[1:] or BOARDS:
        for rom in (False, True):
            print(name, "ROM " if rom else "heap", measured(every()[name], rom), flush=True)
