"""Announcements on a serial line: both ends hear of each other, and nothing else is touched."""

from dsoftbus.const import EV_ONLINE, LINK_LINE, SMALL
from dsoftbus.discovery.announce import FLAG_QUERY, Announcement, decode
from dsoftbus.discovery.peers import Peers
from dsoftbus.discovery.serial_discovery import OnLine
from dsoftbus.errors import BAD_ARGUMENT
from dsoftbus.identity import device_id
from support import Random, raises
from wires import Cable

NEAR = bytes(31) + b"\x01"
FAR = bytes(31) + b"\x02"


class Link:
    """A Line as a link: what LineLink is without a port."""

    def __init__(self, cable, side: int):
        self._cable = cable
        self._side = side
        self.mtu = 300

    @property
    def now(self) -> int:
        return self._cable.now

    def recvfrom_into(self, buffer):
        return self._cable.lines[self._side].recvfrom_into(buffer)

    def sendto(self, buffer, n: int, channel: int) -> bool:
        return self._cable.lines[self._side].sendto(buffer, n, channel)

    def close(self) -> None:
        self._cable.lines[self._side].close()


class End:
    """A node on one end of the cable."""

    def __init__(self, cable, side: int, public: bytes, peers: bool = True, name: str = ""):
        self.id = device_id(public)
        self.peers = Peers(SMALL, self.id) if peers else None
        self.heard = 0
        self.arrived = []  # (bytes, channel) for the pump
        self.said = Announcement(self.id, public, (), ("echo",), name)
        link = Link(cable, side)
        self.line = OnLine(link, self.said, cable.now, self.peers, "ttyX", self._on_heard)
        self._cable = cable

    def _on_heard(self):
        self.heard += 1

    def turn(self):
        buffer = bytearray(1200)
        got = self.line.recvfrom_into(buffer)
        if got is not None:
            self.arrived.append((bytes(buffer[: got[0]]), got[1]))
        if self.line.poll_timer() <= self._cable.now:
            self.line.handle_timer(self._cable.now)


def pair(peers: bool = True):
    cable = Cable(Random(1), mtu=300)
    return cable, End(cable, 0, NEAR), End(cable, 1, FAR, peers, "board")


def run(cable, ends, until, steps: int = 3000) -> None:
    for _ in range(steps):
        for end in ends:
            end.turn()
        if until():
            return
        if not cable.step():
            cable.now_us += 1000
    raise AssertionError("not so after %d steps" % steps)


def test_two_ends_hear_of_each_other_and_of_the_way():
    cable, near, far = pair()
    run(cable, (near, far), lambda: len(near.peers) and len(far.peers))
    peer = near.peers.get(far.id)
    assert peer.name == "board" and peer.services == ("echo",)
    assert peer.routes() == [(LINK_LINE, "ttyX", 0)]
    event = near.peers.next_event()
    assert (event.kind, event.peer) == (EV_ONLINE, far.id)


def test_a_node_without_a_table_announces_itself_and_answers():
    cable, near, far = pair(peers=False)
    run(cable, (near, far), lambda: near.heard >= 5 and far.heard)
    assert [peer.id for peer in near.peers] == [far.id]


def test_what_begins_otherwise_is_the_pumps_and_so_is_nothing():
    cable, near, far = pair()
    datagrams = [(b"\x04packet", 0), (b"", 7), (b"\x01init", 9)]
    sent = list(datagrams)

    def send() -> bool:
        if sent and near.line.sendto(sent[0][0], len(sent[0][0]), sent[0][1]):
            sent.pop(0)
        return len(far.arrived) == 3

    run(cable, (near, far), send)
    assert far.arrived == datagrams
    assert near.heard and far.heard


def test_a_question_is_answered_on_its_channel():
    cable, near, far = pair()
    asking = Announcement(near.id, NEAR)
    asking.sequence = 1
    asking.flags = FLAG_QUERY
    packet = asking.encode()
    buffer = bytearray(300)
    answers = []
    asked = []

    def look() -> bool:
        if not asked and cable.lines[0].sendto(packet, len(packet), 17):
            asked.append(1)
        got = cable.lines[0].recvfrom_into(buffer)
        if got is not None and got[1] == 17:
            answers.append(decode(buffer[: got[0]]))
        return len(answers) > 0

    run(cable, (far,), look)
    assert answers[0].id == far.id and not answers[0].flags & FLAG_QUERY
    assert far.peers.get(near.id).line == (LINK_LINE, "ttyX", 17)


def test_whatever_begins_like_an_announcement_changes_nothing_for_sessions():
    random = Random(5)
    cable, near, far = pair()
    whole = near.said.encode()
    sent = []

    def send(data: bytes) -> None:
        run(cable, (far,), lambda: cable.lines[0].sendto(data, len(data), 3))

    for turn in range(200):
        if turn < len(whole):
            changed = bytes((whole[turn] ^ 1 + random.below(255),))
            send(whole[:turn] if turn % 2 else whole[:turn] + changed + whole[turn + 1 :])
        else:
            send(b"NXSB" + random(random.below(120)))
        if turn % 10 == 0:  # and a packet of a session between them
            sent.append((b"\x04" + random(60), 3))
            send(sent[-1][0])
    run(cable, (far,), lambda: cable.lines[0].poll_timer() is None)
    # With its first byte changed it is a packet for the pump, and not ours to judge.
    assert [got for got in far.arrived if got[0][:1] == b"\x04"] == sent
    assert all(data[:1] != b"N" for data, _ in far.arrived)
    assert sum(far.peers.drops.values()) > 100
    # What was changed in the name, a link or the flags is an announcement still, of the same node.
    assert [peer.id for peer in far.peers] in ([], [near.id])
    send(whole)
    run(cable, (far,), lambda: far.peers.get(near.id) is not None)


def test_an_unplugged_port_leads_nowhere_and_asks_again_when_it_is_back():
    cable, near, far = pair()
    run(cable, (near, far), lambda: len(near.peers))
    near.peers.unplugged("ttyY")
    assert near.peers.get(far.id).routes()
    near.peers.joined(FAR, (LINK_LINE, "ttyX", 0))
    near.peers.unplugged("ttyX")
    assert near.peers.get(far.id).routes() == []
    near.line.restart(cable.now)
    run(cable, (near, far), lambda: near.peers.get(far.id).routes())


def test_a_goodbye_is_heard():
    cable, near, far = pair()
    run(cable, (near, far), lambda: len(near.peers))
    far.line.say_goodbye()
    run(cable, (near, far), lambda: not near.peers.get(far.id).online)


def test_an_announcement_longer_than_the_line_takes_is_refused():
    cable = Cable(Random(1), mtu=300)
    said = Announcement(device_id(NEAR), NEAR, (), ["s" * 60 for _ in range(5)])
    raises(BAD_ARGUMENT, OnLine, Link(cable, 0), said, 0)
