"""Forged announcements against a table of peers, in virtual time. Runs on every interpreter.

The victim knows one peer, with which it has had a session. An attacker may say anything, as
anybody, from anywhere; the peer must still be heard.
"""

from dsoftbus.const import HOST, LINK_STREAM, SMALL
from dsoftbus.discovery.announce import FLAG_QUERY, Announcement
from dsoftbus.discovery.announcer import Announcer
from dsoftbus.discovery.peers import Peers
from dsoftbus.identity import device_id
from support import Random

OWN = device_id(bytes(32))
KNOWN = bytes(range(32))  # the peer's public key, which everyone has heard
HERE = ("192.0.2.7", 37020)
ATTACKER = ("192.0.2.66", 37020)
FIRST = 1000  # the peer's sequence
MINUTE_MS = 60000
RATE = 250  # forged packets in a second


def said(public, sequence, lifetime_s=60, name="", services=()):
    announcement = Announcement(device_id(public), public, ((LINK_STREAM, 4000),), services, name)
    announcement.sequence = sequence
    announcement.lifetime_s = lifetime_s
    return announcement


class Scene:
    """A table that knows the peer; `hear` is what it makes of the peer's own announcements."""

    def __init__(self, profile=SMALL):
        self.peers = Peers(profile, OWN)
        self.peers.joined(KNOWN)
        self.peers.left(device_id(KNOWN), 0)
        self.sequence = FIRST
        self.now = 0
        assert self.hear()

    def hear(self):
        """The peer says where it is; whether that was taken."""
        self.sequence += 1
        packet = said(KNOWN, self.sequence, name="p%d" % self.sequence).encode()
        return self.peers.receive_datagram(packet, HERE, self.now) is not None

    def forge(self, packet, seconds=5, rate=RATE):
        """`packet(i)` comes at this rate."""
        for i in range(seconds * rate):
            self.now += 1000 // rate
            self.peers.receive_datagram(packet(i), ATTACKER, self.now)

    @property
    def peer(self):
        return self.peers.get(device_id(KNOWN))


def profiles():
    return (Scene(SMALL), Scene(HOST))


def test_junk_in_the_name_of_a_known_peer_does_not_use_up_its_budget():
    good = said(KNOWN, 5).encode()
    random = Random(1)
    for scene in profiles():
        scene.forge(lambda i: good[:32])  # cut behind the id
        assert scene.hear()
        scene.forge(lambda i: good[:6] + good[6:32] + random(32) + good[64:])  # of another key
        assert scene.hear()
        scene.forge(lambda i: good + b"more")
        assert scene.hear()


def test_old_announcements_of_a_known_peer_do_not_use_up_its_budget():
    """A host that heard one can repeat it."""
    for scene in profiles():
        copy = said(KNOWN, FIRST + 1, name="p%d" % (FIRST + 1)).encode()
        scene.forge(lambda i, copy=copy: copy)
        assert scene.hear()


def test_a_far_sequence_does_not_make_deaf():
    """The key of a peer is public: anyone can say anything in its name, once."""
    for far in (FIRST + 100, FIRST + 65536, (1 << 30) - 1):
        for scene in profiles():
            packet = said(KNOWN, far, 600).encode()
            scene.peers.receive_datagram(packet, ATTACKER, scene.now)
            heard = 0
            for _ in range(12):  # it announces itself three times in a minute
                scene.now += MINUTE_MS // 3
                heard += scene.hear()
            assert heard >= 3, (far, heard)
            assert scene.peer.online and HERE[0] in [host for _, host, _ in scene.peer.routes()]


def test_a_forged_goodbye_holds_until_the_peer_is_heard_again():
    for scene in profiles():
        for far in (2, 300):
            scene.peers.receive_datagram(
                said(KNOWN, scene.sequence + far, 0).encode(), ATTACKER, scene.now
            )
            for _ in range(6):
                scene.now += MINUTE_MS // 3
                scene.hear()
            assert scene.peer.online


def test_a_goodbye_does_not_touch_a_peer_with_a_session():
    for scene in profiles():
        scene.peers.joined(KNOWN)
        scene.peers.receive_datagram(
            said(KNOWN, scene.sequence + 5, 0).encode(), ATTACKER, scene.now
        )
        assert scene.peer.online


def test_strangers_with_as_much_to_say_as_fits_do_not_grow_the_table():
    services = tuple(["%02d" % i + "s" * 62 for i in range(16)])
    random = Random(2)
    for scene in profiles():
        keys = [random(32) for _ in range(64)]
        names = [said(key, 1, name="n" * 32, services=services).encode() for key in keys]
        scene.forge(lambda i, names=names: names[i % 64], seconds=3)
        assert len(scene.peers) <= max(SMALL.peers, 65)
        assert scene.hear()
        for peer in scene.peers:
            assert len(peer.services) <= HOST.peer_services


def test_an_answer_is_no_longer_than_its_question():
    """This holds for every asker, and for questions of every length."""
    many = tuple(["%02d" % i + "s" * 62 for i in range(16)])
    for services in ((), many):
        announcer = Announcer(said(bytes(32), 1, name="n" * 32, services=services), 0)
        for name in ("", "n" * 32):
            question = said(KNOWN, 1, name=name)
            question.links = ()
            question.flags = FLAG_QUERY
            asked = question.encode()
            answer = announcer.answer(len(asked))
            assert answer is None or len(answer) <= len(asked)
