"""What the core asks of others, and what it calls plain values: types, for readers and checkers.

No interpreter loads this file. Modules of the core import it under `if False:`, which MicroPython
and CPython leave out when they compile. docs/porting.md says more of each contract.
"""

from collections.abc import Callable, Collection
from typing import Any as Any
from typing import NoReturn as NoReturn
from typing import Protocol, TypeAlias

Data: TypeAlias = bytes | bytearray | memoryview  # bytes that are only read
Buffer: TypeAlias = bytearray | memoryview  # bytes that are written, too
Random: TypeAlias = Callable[[int], bytes]  # so many cryptographic bytes
Copy: TypeAlias = Callable[[Buffer, int, Data, int, int], None]  # dst, at, src, start, n
# buffer, at, stop, now: frames in order; returns where the first begins that found no memory
Sink: TypeAlias = Callable[[Buffer, int, int, int], int]
Room: TypeAlias = Callable[[int, int], bool]  # size, more: see `session.session_table.Roster`
Deadline: TypeAlias = int | None  # ms; None is never
Address: TypeAlias = Any  # where a datagram or a link comes from: equal addresses are one
Route: TypeAlias = tuple[int, Any, Any]  # LINK_..., host, port: under which a peer is sought
Allowed: TypeAlias = Collection[bytes] | str  # public keys, or const.ANYONE

class Aead(Protocol):
    """The cipher of one key: see `crypto.chachapoly.ChaChaPoly`."""

    def seal(
        self, n: int, ad: Data, src: Data, start: int, end: int, dst: Buffer, at: int, /
    ) -> int: ...
    def open(
        self, n: int, ad: Data, src: Data, start: int, end: int, dst: Buffer, at: int, /
    ) -> int: ...

class Keys(Protocol):
    """A key pair: see `crypto.suite.KeyPair`."""

    @property
    def public(self) -> bytes: ...
    def exchange(self, public: bytes, /) -> bytes: ...

class StreamLink(Protocol):
    """What carries the bytes of one session in order; nothing of it blocks."""

    def readinto(self, view: memoryview, /) -> int | None: ...
    def write(self, buffer: bytearray, at: int, stop: int, /) -> int | None: ...
    def close(self) -> None: ...

class DatagramLink(Protocol):
    """What carries datagrams, and may lose, double and reorder them; nothing of it blocks."""

    @property
    def mtu(self) -> int: ...
    def recvfrom_into(self, buffer: bytearray, /) -> tuple[int, Address] | None: ...
    def sendto(self, buffer: bytearray, n: int, path: Address, /) -> bool: ...
    def close(self) -> None: ...

class Congestion(Protocol):
    """How much may be under way: see `packet.congestion.NewReno`."""

    @property
    def has_room(self) -> bool: ...
    def on_sent(self, size: int, /) -> None: ...
    def on_acked(self, number: int, size: int, sent_at: int, now: int, /) -> None: ...
    def on_lost(self, number: int, size: int, last_number: int, /) -> None: ...
    def restart(self) -> None: ...
    def collapse(self) -> None: ...

class Pacing(Protocol):
    """When the next packet may go: see `packet.congestion.Pacer`."""

    def ready_at(self, now: int, /) -> int: ...
    def on_sent(self, size: int, /) -> None: ...
    def restart(self) -> None: ...

class Profile(Protocol):
    """The limits of a node: see `const.HOST`, which has the reason of each."""

    streams: int
    frame_payload: int
    record_bytes: int
    receive_bytes: int
    stream_credit: int
    stream_buffer: int
    spare_rings: int
    session_credit: int
    max_message: int
    sessions: int
    peer_sessions: int
    half_open: int
    handshake_ms: int
    keepalive_ms: int
    close_ms: int
    peer_services: int
    peers: int
    trusted: int
    rules: int
    line_slots: int
    datagram_bytes: int
    segments: int
    path_model: bool
    replay_window: int
    messages: int
    handshakes: int
    addresses: int
