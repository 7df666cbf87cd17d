"""Two ends and their programs for the stateful tests: what is sent, what is read, what must hold.

A `World` drives either two muxes joined by queues of records, or two whole sessions joined by
bytes. Its programs behave as programs should: after a send that would block they wait for the
event, so that a wake-up which never comes shows as a deadlock.
"""

import os

from dsoftbus.base.codec import copy
from dsoftbus.const import (
    ANYONE,
    EV_ACCEPTED,
    EV_CLOSED,
    EV_ESTABLISHED,
    EV_OPENED,
    EV_READABLE,
    EV_RESET,
    EV_WRITABLE,
    KIND_MESSAGES,
    SMALL,
)
from dsoftbus.errors import LocalError
from dsoftbus.mux.chunks import Chunks
from dsoftbus.mux.mux import Mux
from dsoftbus.mux.stream_states import (
    CLOSED,
    ESTABLISHED,
    LOCAL_FINISHED,
    OFFERED,
    OFFERED_FINISHED,
)
from dsoftbus.node import Node
from dsoftbus_host import crypto
from pairs import Muxes

PATTERN = bytes((i * 167 + (i >> 8) * 13 + (i >> 16)) & 0xFF for i in range(1 << 18))
MOST = 100000  # bytes that a program sends: PATTERN must reach
SUITE = crypto.suite(1)
KEYS = [SUITE.keypair(bytes([i]) * 32) for i in (1, 2)]


class Program:
    """The actions of one side on one stream."""

    def __init__(self, stream) -> None:
        self.stream = stream
        self.accepted = False
        self.backlog = 0  # bytes that it still means to send
        self.messages: list[int] = []  # lengths that it still means to send
        self.sent = 0  # bytes that the stream took
        self.sent_messages: list[int] = []
        self.got = 0
        self.got_messages: list[int] = []
        self.waiting = False  # for EV_WRITABLE
        self.finish_wanted = False
        self.reset = False  # by either side
        self.ended = False

    @property
    def may_send(self) -> bool:
        state = self.stream.state
        return state < CLOSED and state not in (OFFERED, OFFERED_FINISHED)

    def work(self) -> None:
        """Sends what it can, and finishes once all is sent."""
        if self.reset or not self.may_send or self.waiting or self.stream.finishing:
            return
        if self.stream.kind == KIND_MESSAGES:
            self._send_messages()
        else:
            self._send_bytes()
        if self.finish_wanted and not self.backlog and not self.messages:
            self.stream.finish()

    def _send_bytes(self) -> None:
        while self.backlog:
            n = self.stream.send(PATTERN[self.sent : self.sent + self.backlog])
            if not n:
                self.waiting = True
                return
            self.sent += n
            self.backlog -= n

    def _send_messages(self) -> None:
        while self.messages:
            n = self.messages[0]
            if self.stream.max_message >= 0:
                n = min(n, self.stream.max_message)
            if not self.stream.send_message(PATTERN[self.sent : self.sent + n]):
                self.waiting = True
                return
            self.messages.pop(0)
            self.sent_messages.append(n)
            self.sent += n

    def read(self, n: int, way: int) -> None:
        """Reads up to `n` bytes in one of three ways, or a message; all must be in order."""
        stream = self.stream
        if stream.kind == KIND_MESSAGES:
            self._read_message()
            return
        if way == 0:
            data = stream.recv(n)
        elif way == 1:
            buffer = bytearray(n + 2)
            n = stream.recv_into(buffer, 1, n)
            data = bytes(buffer[1 : 1 + n])
        else:
            data = bytes(stream.peek()[:n])
            stream.drop(len(data))
        assert data == PATTERN[self.got : self.got + len(data)], "bytes out of order"
        self.got += len(data)

    def _read_message(self) -> None:
        buffer = bytearray(40000)
        n = self.stream.recv_message_into(buffer)
        if n >= 0:
            assert buffer[:n] == PATTERN[self.got : self.got + n], "message out of order"
            self.got += n
            self.got_messages.append(n)


class World:
    """Sides 0 (the initiator) and 1; lines are pairs of programs by the stream's id."""

    def __init__(self, profiles) -> None:
        self.profiles = profiles
        self.lines: dict[int, list[Program | None]] = {}
        self.count = 0

    # The link: the two kinds of worlds differ here alone

    def mux(self, side: int) -> Mux:
        raise NotImplementedError

    def next_event(self, side: int):
        raise NotImplementedError

    def open(self, side: int, name: str, priority: int, kind: int):
        raise NotImplementedError

    def transmit(self, side: int) -> bool:
        """Moves what `side` has to say onto the link."""
        raise NotImplementedError

    def deliver(self, side: int, n: int) -> bool:
        """Hands `side` the next `n` bytes, or the next record."""
        raise NotImplementedError

    # What programs do

    def open_line(self, side: int, priority: int, kind: int) -> None:
        self.count += 1
        try:
            stream = self.open(side, f"stream{self.count}", priority, kind)
        except LocalError as error:
            assert error.label == "mux.reject.stream_limit_exceeded"
            return
        self.lines[stream.id] = [None, None]
        self.lines[stream.id][side] = Program(stream)

    def handle_events(self, side: int, accept: bool = True) -> None:
        while (event := self.next_event(side)) is not None:
            if event.stream is not None:
                self._handle(side, event, accept)
            else:
                assert event.kind in (EV_ESTABLISHED, EV_CLOSED)

    def _handle(self, side: int, event, accept: bool) -> None:
        stream = event.stream
        line = self.lines[stream.id]
        if event.kind == EV_OPENED:
            assert line[side] is None, "opened twice"
            line[side] = Program(stream)
            if accept:
                self.accept(side, line[side])
            return
        program = line[side]
        if event.kind == EV_RESET:
            assert not program.ended, "reset twice"
            program.reset = program.ended = True
        elif event.kind == EV_WRITABLE:
            program.waiting = False
            program.work()
        elif event.kind == EV_ACCEPTED:
            program.accepted = True
            program.work()
        else:
            assert event.kind == EV_READABLE

    def accept(self, side: int, program: Program) -> None:
        if program.stream.state in (OFFERED, OFFERED_FINISHED):
            program.stream.accept()
            program.accepted = True
            program.work()

    def reset(self, program: Program) -> None:
        if program.stream.state < CLOSED or program.stream.ring.used:
            program.stream.reset()
            program.reset = True

    def send(self, program: Program, n: int) -> None:
        if program.finish_wanted or program.sent > MOST:
            return
        if program.stream.kind == KIND_MESSAGES:
            program.messages.append(n)
        else:
            program.backlog += n
        program.work()

    def finish(self, program: Program) -> None:
        program.finish_wanted = True
        program.work()

    def step(self, random) -> None:
        """Anything that a program or the link may do."""
        side = random.randrange(2)
        n = random.choice((1, 5, 40, 300, 2000))
        programs = self.programs(side)
        program = random.choice(programs) if programs else None
        act = random.randrange(100)
        if act < 8:
            self.open_line(side, random.randrange(8), random.randrange(2))
        elif act < 24:
            self.transmit(side)
        elif act < 44:
            self.deliver(side, n)
        elif act < 54:
            self.handle_events(side, random.random() < 0.8)
        elif program is None:
            self.mux(side).ping(0)
        elif act < 76:
            self.send(program, n)
        elif act < 94:
            program.read(n, random.randrange(3))
        elif act < 96:
            self.finish(program)
        elif act < 98:
            self.accept(side, program)
        else:
            self.reset(program)

    def programs(self, side: int) -> list[Program]:
        return [line[side] for line in self.lines.values() if line[side] is not None]

    # What must hold

    def check(self) -> None:
        """At every moment."""
        for side in range(2):
            mux = self.mux(side)
            profile = self.profiles[side]
            live = list(mux._streams.values())
            held = sum(stream.ring.used for stream in live)
            assert mux._receive_credit + mux._released + held == profile.session_credit
            assert mux.windows == sum(stream.window for stream in live)
            assert len(live) <= 2 * profile.streams
            assert _events(mux) <= 4 * len(live)
            debtors = list(mux._debtors)
            assert len(set(debtors)) == len(debtors) <= len(live)
            assert {stream.id for stream in debtors} == {s.id for s in live if s.owes}
            for stream in live:
                used = stream.ring.used
                assert used <= stream.window == stream.ring.capacity
                assert stream.window <= max(profile.stream_buffer, profile.stream_credit)
                if stream.state < CLOSED:
                    assert stream.receive_credit + stream.released + used <= stream.window

    def settle(self) -> None:
        """Lets everything happen that can: afterwards nothing may be left to do."""
        for _ in range(20000):
            moved = False
            for side in range(2):
                self.handle_events(side)
                for program in self.programs(side):
                    self.accept(side, program)
                    program.work()
                    before = program.got
                    program.read(1 << 16, 0)
                    moved |= program.got != before
                moved |= self.transmit(side)
                moved |= self.deliver(1 - side, 1 << 20)
            if not moved:
                return
        raise AssertionError("the two never come to rest")

    def check_settled(self) -> None:
        for line in self.lines.values():
            for side in range(2):
                self._check_line(line[side], line[1 - side])
        self.check()
        one, other = self.mux(0), self.mux(1)
        assert one._credit == other._receive_credit
        assert other._credit == one._receive_credit
        for side in range(2):
            mux = self.mux(side)
            assert not mux.has_output and mux.idle and not mux.first_event
            for stream in mux._streams.values():
                assert stream.state < CLOSED, "an ended stream was not forgotten"
                if stream.state in (ESTABLISHED, LOCAL_FINISHED):
                    assert stream.receive_credit + stream.released == stream.window
                twin = self.mux(1 - side)._streams.get(stream.id)
                assert stream.credit == twin.receive_credit, "credit leaked"

    def _check_line(self, program, peer) -> None:
        if program is None or peer is None:
            assert program is None or program.reset or peer is not None, "never opened"
            return
        assert peer.got <= program.sent
        assert peer.got_messages == program.sent_messages[: len(peer.got_messages)]
        if program.reset or peer.reset:
            assert program.stream.state >= CLOSED or not program.accepted
            return
        assert not program.backlog and not program.messages, "deadlock"
        assert peer.got == program.sent, "bytes were lost"
        assert peer.got_messages == program.sent_messages
        assert program.stream.finishing == (peer.stream.at_end)


class MuxWorld(World):
    """Two muxes; a record on its way is one entry of a queue."""

    def __init__(self, profiles) -> None:
        super().__init__(profiles)
        self._pair = Muxes(*profiles, copy)
        self._pair.a.ring = Chunks  # as on a host; the other one is a board
        self._out = bytearray(self._pair.room)
        self._queues: list[list[bytes]] = [[], []]

    def mux(self, side: int) -> Mux:
        return self._pair.b if side else self._pair.a

    def next_event(self, side: int):
        return self.mux(side).next_event()

    def open(self, side: int, name: str, priority: int, kind: int):
        return self.mux(side).open(name, priority, kind)

    def transmit(self, side: int) -> bool:
        n = self.mux(side).fill(self._out, 0, len(self._out))
        if n:
            self._queues[1 - side].append(bytes(self._out[:n]))
        return n > 0

    def deliver(self, side: int, n: int) -> bool:
        if not self._queues[side]:
            return False
        record = self._queues[side].pop(0)
        self.mux(side).receive(record, 0, len(record), 0)
        return True


class SessionWorld(World):
    """Two whole sessions under OpenSSL's suite; the link is bytes, in any pieces."""

    def __init__(self, profiles) -> None:
        super().__init__(profiles)
        nodes = [
            Node({1: SUITE}, KEYS[i], os.urandom, profiles[i], allowed=ANYONE) for i in range(2)
        ]
        responder = nodes[1].accept(0)
        self.sessions = [nodes[0].connect(KEYS[1].public, 0), responder]
        self._wires = [b"", b""]
        self._outs = [bytearray(profile.receive_bytes) for profile in profiles]
        while self.transmit(0) + self.deliver(1, 99) + self.transmit(1) + self.deliver(0, 99):
            pass

    def mux(self, side: int) -> Mux:
        return self.sessions[side].mux

    def next_event(self, side: int):
        return self.sessions[side].next_event()

    def open(self, side: int, name: str, priority: int, kind: int):
        return self.sessions[side].open(name, priority, kind)

    def transmit(self, side: int) -> bool:
        n = self.sessions[side].poll_transmit(self._outs[side], 0)
        self._wires[1 - side] += bytes(self._outs[side][:n])
        return n > 0

    def deliver(self, side: int, n: int) -> bool:
        piece = self._wires[side][:n]
        self._wires[side] = self._wires[side][n:]
        self.sessions[side].receive_data(piece, 0)
        assert not self.sessions[side].closed, self.sessions[side].cause
        return bool(piece)


def profile_of(credit: int, payload: int, streams: int, growth: int) -> type[SMALL]:
    """Limits of a node, in keeping with what const says of them."""
    message = max(credit // 2 - 4, 0)

    class Profile(SMALL):
        pass

    Profile.streams = streams
    Profile.frame_payload = payload
    Profile.record_bytes = max(256, payload + 80)
    Profile.receive_bytes = max(514, Profile.record_bytes + 2)
    Profile.stream_credit = credit
    Profile.stream_buffer = credit << growth
    Profile.session_credit = 2 * streams * (message + 4) + 2 * payload + credit
    Profile.max_message = message
    return Profile


def _events(mux) -> int:
    """Returns how many events wait."""
    count = 0
    event = mux.first_event
    while event is not None:
        count += 1
        event = event.next
    return count
