"""Rotation: the next key is proved, bound to its session, and followed."""

from dsoftbus.crypto.provider import suite as portable
from dsoftbus.errors import BAD_ARGUMENT, MALFORMED, NEXT_KEY_UNPROVEN
from dsoftbus.trust import rotation
from support import raises

SUITE = portable()
MINE = SUITE.keypair(b"\1" * 32)
PEERS = SUITE.keypair(b"\2" * 32)
NEXT = SUITE.keypair(b"\3" * 32)


class View:
    """One side of a session, as far as rotation looks."""

    class Part:
        pass

    def __init__(self, own, peer, handshake_hash=b"h" * 32, resumed=False):
        self.local = self.Part()
        self.local.static = own
        self.peer_public = peer.public
        self.handshake_hash = handshake_hash
        self.resumed = resumed


def announced(**session) -> bytes:
    return rotation.announce(SUITE, View(MINE, PEERS, **session), NEXT, 3600)


def test_a_peer_takes_a_proved_next_key():
    message = announced()
    assert rotation.accept(SUITE, View(PEERS, MINE), message) == (NEXT.public, 3600)


def test_a_next_key_is_good_in_its_session_alone():
    message = announced(handshake_hash=b"i" * 32)
    raises(NEXT_KEY_UNPROVEN, rotation.accept, SUITE, View(PEERS, MINE), message)
    third = SUITE.keypair(b"\4" * 32)
    raises(NEXT_KEY_UNPROVEN, rotation.accept, SUITE, View(PEERS, third), announced())
    raises(NEXT_KEY_UNPROVEN, rotation.accept, SUITE, View(third, MINE), announced())


def test_in_a_resumed_session_the_current_key_is_proved_besides():
    """Its ticket may have been stolen by one who does not have that key."""
    view = View(PEERS, MINE, resumed=True)
    assert rotation.accept(SUITE, view, announced(resumed=True)) == (NEXT.public, 3600)
    raises(NEXT_KEY_UNPROVEN, rotation.accept, SUITE, view, announced())

    class Thief:
        """A key whose secret the thief of the ticket lacks."""

        public = MINE.public
        exchange = SUITE.keypair(b"\7" * 32).exchange

    stolen = rotation.announce(SUITE, View(Thief, PEERS, resumed=True), NEXT, 3600)
    raises(NEXT_KEY_UNPROVEN, rotation.accept, SUITE, view, stolen)


def test_every_byte_of_the_announcement_counts():
    message = announced()
    for at in (1, 32, 33, 36, 37, 68):
        bent = bytearray(message)
        bent[at] ^= 1
        raises(NEXT_KEY_UNPROVEN, rotation.accept, SUITE, View(PEERS, MINE), bytes(bent))


def test_a_key_that_is_not_held_cannot_be_announced():
    class Claimed:
        """Someone else's public key, with a secret that is not its own."""

        public = NEXT.public
        exchange = MINE.exchange

    message = rotation.announce(SUITE, View(MINE, PEERS), Claimed, 60)
    raises(NEXT_KEY_UNPROVEN, rotation.accept, SUITE, View(PEERS, MINE), message)


def test_a_point_of_low_order_is_no_key():
    message = bytearray(announced())
    message[1:33] = bytes(32)
    raises(NEXT_KEY_UNPROVEN, rotation.accept, SUITE, View(PEERS, MINE), bytes(message))


def test_odd_messages_are_malformed():
    view = View(PEERS, MINE)
    for message in (b"", b"\2", announced()[:-1], announced() + b"\0", b"\3" + announced()[1:]):
        raises(MALFORMED, rotation.accept, SUITE, view, message)
    for grace in (bytes(4), b"\x40\0\0\0"):
        raises(MALFORMED, rotation.accept, SUITE, view, announced()[:33] + grace + bytes(32))
    for grace_s in (0, -1, 2**30):
        raises(BAD_ARGUMENT, rotation.announce, SUITE, View(MINE, PEERS), NEXT, grace_s)
    for grace_s in (1, 2**30 - 1):
        message = rotation.announce(SUITE, View(MINE, PEERS), NEXT, grace_s)
        assert rotation.accept(SUITE, view, message) == (NEXT.public, grace_s)


def test_a_rotation_is_due_when_its_grace_is_over():
    change = rotation.Rotation(NEXT, 60, 1000)
    assert change.grace_s(1000) == 60
    assert change.grace_s(60999) == 1
    assert not change.due(60999)
    assert change.due(61000)
    assert change.poll_timer() == 61000
