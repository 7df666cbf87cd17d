"""Two ends of the protocol, joined by nothing but their bytes, for the portable tests."""

from hashlib import sha256

from dsoftbus import errors
from dsoftbus.base.codec import copy
from dsoftbus.const import ANYONE, DATA, EV_CLOSED, OPEN, SMALL
from dsoftbus.crypto.suite import SHA256
from dsoftbus.handshake.hello import own
from dsoftbus.mux.frames import put_header
from dsoftbus.mux.keepalive import Keepalive
from dsoftbus.mux.mux import Mux
from dsoftbus.mux.windows import resize
from dsoftbus.node import Node
from dsoftbus.session.session import (
    AWAIT_FINISH,
    AWAIT_INIT,
    AWAIT_REPLY,
    CLOSED,
    CLOSING,
    ESTABLISHED,
)
from support import Random

_PRIME = (1 << 61) - 1
TAG = 16
AWAITING = (AWAIT_INIT, AWAIT_REPLY, AWAIT_FINISH)


class ToyPair:
    """A key whose exchange is one product: as commutative as X25519, and worth nothing else."""

    def __init__(self, secret):
        self._secret = int.from_bytes(secret[:8], "big") % _PRIME or 1
        self.public = self._pack(self._secret * 7)

    def exchange(self, public) -> bytes:
        return self._pack(self._secret * int.from_bytes(public, "big"))

    def _pack(self, value) -> bytes:
        return (value % _PRIME).to_bytes(32, "big")


class ToyAead:
    """Hides the first 32 bytes, with a true tag over key, nonce, associated data and text."""

    def __init__(self, key):
        self._key = bytes(key)

    def _tag(self, n, ad, text) -> bytes:
        return sha256(self._key + n.to_bytes(8, "little") + bytes(ad) + bytes(text)).digest()[:TAG]

    def _hide(self, n, text) -> bytes:
        pad = sha256(n.to_bytes(8, "little") + self._key).digest()
        return bytes([a ^ b for a, b in zip(text, pad)]) + text[32:]

    def seal(self, n, ad, src, start, end, dst, at) -> int:
        text = self._hide(n, bytes(src[start:end]))
        stop = at + len(text)
        dst[at : stop + TAG] = text + self._tag(n, ad, text)
        return stop + TAG

    def open(self, n, ad, src, start, end, dst, at) -> int:
        text = bytes(src[start : end - TAG])
        if self._tag(n, ad, text) != bytes(src[end - TAG : end]):
            return -1
        dst[at : at + len(text)] = self._hide(n, text)
        return at + len(text)


class ToySuite:
    """For tests of what is not crypto: fast on every interpreter, and readable in a dump."""

    def __init__(self, code: int = 1, copy=copy):
        self.code = code
        self.name = b"25519_ChaChaPoly_SHA256"
        self.keypair = ToyPair
        self.cipher = ToyAead
        self.hash = SHA256
        self.copy = copy


def node(profile=SMALL, name: str = "", seed: int = 1, suite=None, psk=None) -> Node:
    """A node that has `suite`, or else the toy."""
    suite = suite or ToySuite()
    random = Random(seed)
    suites = {1: ToySuite(), suite.code: suite}
    return Node(suites, suite.keypair(random(32)), random, profile, name, psk, allowed=ANYONE)


def limits(base=SMALL, **changes):
    """A profile like `base` but for `changes`."""

    class Profile(base):
        pass

    for name, value in changes.items():
        setattr(Profile, name, value)
    return Profile


def events(side) -> list:
    """The kinds of all events that wait."""
    return [event.kind for event in all_events(side)]


def all_events(side) -> list:
    found = []
    event = side.next_event()
    while event is not None:
        found.append(event)
        event = side.next_event()
    return found


class Sessions:
    """An initiator `a` and a responder `b`; `now` is the test's to move."""

    def __init__(self, profile=SMALL, other=None, chunk: int = 0, **options):
        self.now = 0
        self.chunk = chunk
        self.node_a = node(profile, "alice", 1, **options)
        self.node_b = node(other or profile, "bob", 2, **options)
        self.b = self.node_b.accept(0)
        code = options["suite"].code if "suite" in options else 1
        self.a = self.node_a.connect(self.node_b.public, 0, code)

    def established(self) -> "Sessions":
        self.drive()
        assert events(self.a) == events(self.b) == [1]
        return self

    def drive(self) -> int:
        """Runs until neither has more to say; returns how many bytes went both ways."""
        total = 0
        for _ in range(10000):
            moved = self.move(self.a, self.b) + self.move(self.b, self.a)
            if not moved:
                return total
            total += moved
        raise AssertionError("the two never come to rest")

    def move(self, sender, receiver) -> int:
        data = drain(sender, self.now)
        feed(receiver, data, self.now, self.chunk)
        return len(data)


def drain(session, now: int = 0) -> bytes:
    """All that `session` has to send now."""
    size = session.local.profile.receive_bytes
    out = bytearray(size)
    data = b""
    n = session.poll_transmit(out, now)
    while n:
        data += bytes(out[:n])
        n = session.poll_transmit(out, now)
    return data


def feed(session, data, now: int = 0, chunk: int = 0) -> None:
    step = chunk or len(data) or 1
    for at in range(0, len(data), step):
        session.receive_data(data[at : at + step], now)


def session_in(state: int):
    """A pair, and the side of it that is in `state`."""
    pair = Sessions(SMALL)
    if state == AWAIT_REPLY:
        return pair, pair.a
    if state >= AWAIT_FINISH:
        pair.move(pair.a, pair.b)
    if state >= ESTABLISHED:
        pair.established()
    if state == CLOSING:
        pair.b.open("held").send(b"x")
        pair.b.close(0)
    if state == CLOSED:
        pair.b.close(0)
        drain(pair.b)
        events(pair.b)
    assert pair.b.state == state
    return pair, pair.b


def ended(session, cause: int) -> None:
    """`session` has ended for `cause`, and says so once and last."""
    assert session.closed and session.cause == cause, errors.label(session.cause)
    found = all_events(session)
    assert [e.code for e in found if e.kind == EV_CLOSED] == [cause]
    assert found[-1].kind == EV_CLOSED
    assert events(session) == []
    assert session.poll_timer() is None


class Muxes:
    """Two muxes joined by a buffer, with no crypto and no session around them."""

    def __init__(self, profile=SMALL, other=None, copy=copy):
        other = other or profile
        self.keep_a = Keepalive(profile.keepalive_ms, 0)
        self.keep_b = Keepalive(other.keepalive_ms, 0)
        self.a = Mux(True, profile, copy, self.keep_a)
        self.b = Mux(False, other, copy, self.keep_b)
        self.a.resize = self.b.resize = resize
        self.a.start(own(other, ""))
        self.b.start(own(profile, ""))
        self.room = min(profile.record_bytes, other.record_bytes) - 1 - TAG
        self._record = bytearray(self.room)

    def move(self, sender, receiver) -> int:
        """One record; returns its length."""
        stop = sender.fill(self._record, 0, self.room)
        receiver.receive(self._record, 0, stop, 0)
        return stop

    def drive(self) -> None:
        for _ in range(10000):
            if not self.move(self.a, self.b) + self.move(self.b, self.a):
                return
        raise AssertionError("the two never come to rest")

    def open(self, name: str = "s", priority: int = 3, kind: int = 0):
        """A stream that `a` opened and `b` accepted, as each side has it."""
        mine = self.a.open(name, priority, kind)
        self.drive()
        theirs = [event.stream for event in all_events(self.b) if event.kind == 2][-1]
        theirs.accept()
        self.drive()
        all_events(self.a)
        return mine, theirs


def frame(kind: int, stream: int, body=b"", flags: int = 0, length: int = -1) -> bytes:
    """Any frame, well formed or not."""
    head = bytearray(8)
    put_header(head, 0, kind, flags, len(body) if length < 0 else length, stream)
    return bytes(head) + bytes(body)


def open_frame(stream: int, name: bytes = b"x", priority: int = 3, kind: int = 0) -> bytes:
    return frame(OPEN, stream, bytes((priority, kind, 0, 0, 0, 0)) + name)


def data_frame(stream: int, body: bytes, flags: int = 0) -> bytes:
    return frame(DATA, stream, body, flags)


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def take(mux, data: bytes, now: int = 0) -> None:
    mux.receive(bytearray(data), 0, len(data), now)


def seal(session, frames: bytes) -> bytes:
    """A record of `frames` from `session`, sealed as it would, whatever they are."""
    out = bytearray(3 + len(frames) + TAG)
    out[3 : 3 + len(frames)] = frames
    session.protection.seal(out, 0, 3 + len(frames))
    return bytes(out)
