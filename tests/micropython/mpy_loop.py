"""The bare poll() loop: two nodes in one process, over loopback, without asyncio."""

from dsoftbus.const import (
    EV_CLOSED,
    EV_ESTABLISHED,
    EV_OPENED,
    EV_READABLE,
    EV_WRITABLE,
    SMALL,
)
from dsoftbus.errors import (
    END_HANDSHAKE_TIMEOUT,
    END_LINK_DOWN,
    END_LOCAL,
    END_PEER,
    PEER_NOT_ALLOWED,
)
from support import Random, Skip, raises

try:
    import socket
except ImportError:
    raise Skip("this port has no sockets")

from attacker import OverDatagrams, OverStream
from dsoftbus_mpy import node
from dsoftbus_mpy.loop import Loop
from dsoftbus_mpy.node import ANYONE

HOST = "127.0.0.1"
TURNS = 100_000  # ends what hangs


class Hasty(SMALL):
    handshake_ms = 100


class Brief(SMALL):
    close_ms = 50


class Receiver:
    """Serves: keeps what its streams bring, and answers the end with an end."""

    def __init__(self, profile=SMALL):
        self.loop = Loop(
            node.make(Random(1)(32), "receiver", profile, allowed=ANYONE), self.on_event
        )
        self.received = bytearray()
        self.causes = []

    def on_event(self, session, event):
        stream = event.stream
        if event.kind == EV_OPENED:
            stream.accept()
        elif event.kind == EV_READABLE:
            self.received.extend(stream.recv(stream.readable))
            if stream.at_end and not session.closed:
                stream.finish()
        elif event.kind == EV_CLOSED:
            self.causes.append(event.code)


class Sender:
    """Opens a stream, sends `data`, and closes its session at the stream's end."""

    def __init__(self, data: bytes, profile=SMALL):
        self.loop = Loop(node.make(Random(2)(32), "sender", profile), self.on_event)
        self.causes = []
        self._data = data
        self._at = 0

    def on_event(self, session, event):
        if event.kind == EV_ESTABLISHED:
            self._send(session.open("loop"))
        elif event.kind == EV_WRITABLE and not event.stream.finishing:
            self._send(event.stream)
        elif event.kind == EV_READABLE and event.stream.at_end:
            session.close(self.loop.now())
        elif event.kind == EV_CLOSED:
            self.causes.append(event.code)

    def _send(self, stream):
        self._at += stream.send(self._data, self._at)
        if self._at == len(self._data):
            stream.finish()
        else:
            stream.send(self._data, self._at)  # would block: asks for EV_WRITABLE


def run(*loops, until) -> None:
    for _ in range(TURNS):
        for loop in loops:
            loop.run_once(1)
        if until():
            return
    raise AssertionError("nothing more happens")


def test_more_than_the_credit_arrives_and_the_session_ends():
    data = Random(3)(20_000)
    receiver, sender = Receiver(), Sender(data)
    port = receiver.loop.listen(HOST)
    session = sender.loop.connect(HOST, port, receiver.loop.node.public)
    run(receiver.loop, sender.loop, until=lambda: session.closed and receiver.causes)
    assert receiver.received == data
    assert (sender.causes, receiver.causes) == ([END_LOCAL], [END_PEER])
    run(receiver.loop, sender.loop, until=lambda: not sender.loop.node.sessions)
    assert receiver.loop.node.sessions == []
    receiver.loop.close()


def test_the_same_over_udp():
    data = Random(3)(20_000)
    receiver, sender = Receiver(), Sender(data)
    port = receiver.loop.listen(HOST, link="udp")
    session = sender.loop.connect(HOST, port, receiver.loop.node.public, "udp")
    run(receiver.loop, sender.loop, until=lambda: session.closed and receiver.causes)
    assert receiver.received == data
    assert (sender.causes, receiver.causes) == ([END_LOCAL], [END_PEER])
    run(
        receiver.loop,
        sender.loop,
        until=lambda: not sender.loop.node.sessions and not receiver.loop.node.sessions,
    )
    for loop in (sender.loop, receiver.loop):
        loop.close()
        loop.close()  # again: nothing is there


def test_udp_and_tcp_beside_each_other():
    receiver = Receiver()
    links = (("tcp", Sender(b"over tcp")), ("udp", Sender(b"over udp")))
    for link, sender in links:
        port = receiver.loop.listen(HOST, 0, link)
        sender.loop.connect(HOST, port, receiver.loop.node.public, link)
    run(receiver.loop, *[s.loop for _, s in links], until=lambda: len(receiver.causes) == 2)
    assert sorted((receiver.received[:8], receiver.received[8:])) == [b"over tcp", b"over udp"]
    receiver.loop.close()
    raises("local.bad_argument", receiver.loop.listen, HOST, 0, "auto")


def test_close_ends_sessions_over_udp():
    receiver, sender = Receiver(), Sender(Random(4)(500), Brief)
    port = receiver.loop.listen(HOST, link="udp")
    sender.loop.connect(HOST, port, receiver.loop.node.public, "udp")
    run(receiver.loop, sender.loop, until=lambda: receiver.received)
    sender.loop.close()  # waits for the receiver, which does not run meanwhile
    run(receiver.loop, until=lambda: receiver.causes)
    receiver.loop.close()
    assert (sender.causes, receiver.causes) == ([END_LOCAL], [END_PEER])
    assert not sender.loop.node.sessions and not receiver.loop.node.sessions


def test_nobody_listens():
    receiver, sender = Receiver(), Sender(b"")
    port = receiver.loop.listen(HOST)
    receiver.loop.close()
    sender.loop.connect(HOST, port, receiver.loop.node.public)
    run(sender.loop, until=lambda: sender.causes)
    assert sender.causes == [END_LINK_DOWN]
    assert sender.loop.node.sessions == []


def test_silence_has_a_deadline():
    receiver = Receiver(Hasty)
    port = receiver.loop.listen(HOST)
    sock = socket.socket()
    sock.connect(socket.getaddrinfo(HOST, port)[0][-1])
    run(receiver.loop, until=lambda: receiver.causes)
    assert receiver.causes == [END_HANDSHAKE_TIMEOUT]
    assert sock.read(5) == bytes((0, 2, 5, END_HANDSHAKE_TIMEOUT))
    sock.close()
    receiver.loop.close()


def test_close_ends_what_is_open():
    receiver, sender = Receiver(), Sender(Random(4)(500), Brief)
    port = receiver.loop.listen(HOST)
    sender.loop.connect(HOST, port, receiver.loop.node.public)
    run(receiver.loop, sender.loop, until=lambda: receiver.received)
    sender.loop.close()  # waits for the receiver, which does not run meanwhile
    run(receiver.loop, until=lambda: receiver.causes)
    receiver.loop.close()
    assert sender.causes == [END_LOCAL]
    assert receiver.causes == [END_PEER]


# Who is let in


class Watched:
    """Notes each event that it is told of."""

    def __init__(self, allowed):
        self.loop = Loop(node.make(Random(1)(32), "", allowed=allowed), self.on_event)
        self.kinds = []

    def on_event(self, session, event):
        self.kinds.append(event.kind)


def strike(watched, attack, port, stream: bool) -> None:
    """All that the attacker has, in one write or in datagrams back to back."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
    sock.connect(socket.getaddrinfo(HOST, port)[0][-1])
    sock.setblocking(False)
    struck = False

    def send(pieces):
        for piece in [pieces] if stream else pieces:
            sock.send(piece)

    def come_to_rest():
        nonlocal struck
        try:
            attack.take(sock.recv(1300))
        except OSError:
            pass  # nothing yet
        if not attack.session.half_open and not struck:
            struck = True
            send(attack.strike())
        return attack.over or EV_OPENED in watched.kinds

    send(attack.drain())
    run(watched.loop, until=come_to_rest)
    sock.close()


def test_a_stranger_that_sends_all_at_once_is_told_of_by_its_end_alone():
    for allowed in (None, (), [Random(9)(32)]):
        for stream in (True, False):
            watched = Watched(allowed)
            port = watched.loop.listen(HOST, 0, "tcp" if stream else "udp")
            public = watched.loop.node.public
            attack = OverStream(public) if stream else OverDatagrams(public)
            strike(watched, attack, port, stream)
            assert attack.session.peer_code == PEER_NOT_ALLOWED
            assert watched.kinds == ([EV_CLOSED] if stream else [])
            watched.loop.close()


def test_the_same_bytes_reach_a_program_that_lets_everybody_in():
    for stream in (True, False):
        watched = Watched(ANYONE)
        port = watched.loop.listen(HOST, 0, "tcp" if stream else "udp")
        public = watched.loop.node.public
        strike(watched, OverStream(public) if stream else OverDatagrams(public), port, stream)
        assert watched.kinds[0] == EV_ESTABLISHED and EV_OPENED in watched.kinds
        for session in watched.loop.node.sessions:
            session.link_lost()  # the attacker says nothing any more
        watched.loop.close()
