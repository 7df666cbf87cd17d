"""An active attacker between two nodes that pair, who grinds all that the protocol lets it choose.

It has a session with either victim. Digits that came from the handshake hash alone it makes equal
at will; those of commit-then-reveal it meets by chance and no better (docs/trust.md has the case
for each order). The digits are compared mod 16, so that chance can be told from skill in
a few hundred attempts; the victims are the real state machines, the hashes are of real handshakes.
"""

from hashlib import sha256

from dsoftbus.errors import COMMITMENT_MISMATCH
from dsoftbus.noise.handshake_state import HandshakeState
from dsoftbus.trust.pairing import COMMIT, NONCE, REVEAL, VERSION, Pairing, commitment, digits_of
from simulated import SUITE
from support import Random

SPACE = 16
TRIALS = 800
FIVE_SIGMA = 35  # of a binomial with n = 800, p = 1/16: 5 * sqrt(n * p * (1 - p))
GRIND = 4 * SPACE  # candidates: with one free choice at the right moment 98 % would be met


def naive_digits(handshake_hash: bytes, space: int) -> int:
    """Returns the digits as they would be if the handshake hash alone made them."""
    return int.from_bytes(sha256(b"naive" + handshake_hash).digest()[:8], "big") % space


class Between:
    """The attacker: the responder of A's session, the initiator of B's."""

    def __init__(self, random, space: int):
        self.random = random
        self.space = space
        keys = [SUITE.keypair(random(32)) for _ in range(3)]
        self._a, self._b, self._own = keys
        self.tried = 0

    def meet_a(self) -> bytes:
        """A believes that the attacker's key is B's. Returns A's handshake hash."""
        a = self._side(True, self._a, self._own.public)
        responder = self._side(False, self._own, None)
        responder.read_message(a.write_message())
        a.read_message(responder.write_message())
        responder.read_message(a.write_message())
        assert a.handshake_hash == responder.handshake_hash
        return a.handshake_hash

    def meet_b(self, wanted) -> bytes:
        """Grinds its last payload until `wanted(hash)`. Returns B's handshake hash."""
        b = self._side(False, self._b, None)
        initiator = self._side(True, self._own, self._b.public)
        b.read_message(initiator.write_message())
        initiator.read_message(b.write_message())
        head = initiator._write_token("s") + initiator._write_token("se")
        symmetric = initiator._symmetric
        while True:
            saved = symmetric.save()
            payload = b"%d" % self.tried
            self.tried += 1
            tail = symmetric.encrypt_and_hash(payload)
            if wanted(symmetric.h):
                break
            symmetric.restore(saved)
        assert b.read_message(head + tail) == payload  # a node name, say
        return b.handshake_hash

    def _side(self, initiator, static, remote):
        return HandshakeState(SUITE, "XK", initiator, b"p", static, remote, self.random, None)

    # Orders of the two exchanges. Each returns whether the victims show the same digits.

    def a_then_b(self, a: Pairing, b: Pairing, h1: bytes, h2: bytes) -> bool:
        """Ends with the opener A, then opens to B with the nonce that would suit a guess."""
        self.answer(a, self.random(32))
        nonce = self.grind(lambda mine: digits_of(h2, mine, bytes(32)), a)
        self.open_to(b, h2, nonce)
        return self.met(a, b)

    def b_then_a(self, a: Pairing, b: Pairing, h1: bytes, h2: bytes) -> bool:
        """Ends with B, then answers A, whose nonce it can only guess."""
        self.open_to(b, h2, self.random(32))
        self.answer(a, self.grind(lambda mine: digits_of(h1, bytes(32), mine), b))
        return self.met(a, b)

    def interleaved(self, a: Pairing, b: Pairing, h1: bytes, h2: bytes) -> bool:
        """Gets B's nonce before it answers A, and passes that on: equal nonces, other hashes."""
        nonce = self.random(32)
        b.receive(bytes((COMMIT, VERSION)) + commitment(h2, nonce), 0)
        self.answer(a, b.poll_transmit()[1:])
        b.receive(bytes((REVEAL,)) + nonce, 0)
        return self.met(a, b)

    def change_of_mind(self, a: Pairing, b: Pairing, h1: bytes, h2: bytes) -> bool:
        """Commits, sees B's nonce, and reveals the nonce that would make the digits equal."""
        self.answer(a, self.random(32))
        b.receive(bytes((COMMIT, VERSION)) + commitment(h2, self.random(32)), 0)
        theirs = b.poll_transmit()[1:]
        nonce = self.grind(lambda mine: digits_of(h2, mine, theirs), a)
        b.receive(bytes((REVEAL,)) + nonce, 0)
        assert b.code == COMMITMENT_MISMATCH
        return self.met(a, b)

    def answer(self, a: Pairing, nonce: bytes) -> None:
        """The other's part, to the opener A."""
        a.poll_transmit()
        a.receive(bytes((NONCE,)) + nonce, 0)

    def open_to(self, b: Pairing, handshake_hash: bytes, nonce: bytes) -> None:
        """The opener's part, to B."""
        b.receive(bytes((COMMIT, VERSION)) + commitment(handshake_hash, nonce), 0)
        assert b.poll_transmit()[0] == NONCE
        b.receive(bytes((REVEAL,)) + nonce, 0)

    def grind(self, digits, victim: Pairing) -> bytes:
        """A nonce of many whose `digits` are those that `victim` shows, if there is one."""
        wanted = int(victim.digits) % self.space
        begin = self.random(28)
        for n in range(GRIND):
            nonce = begin + n.to_bytes(4, "big")
            if digits(nonce) % self.space == wanted:
                break
        return nonce

    def met(self, a: Pairing, b: Pairing) -> bool:
        same = a.digits != "" and b.digits != ""
        return same and int(a.digits) % self.space == int(b.digits) % self.space


def test_digits_of_the_handshake_hash_alone_are_ground_to_collide():
    attacker = Between(Random(3), 100)
    for _n in range(3):
        shown = naive_digits(attacker.meet_a(), attacker.space)
        ground = attacker.meet_b(lambda h, w=shown: naive_digits(h, attacker.space) == w)
        assert naive_digits(ground, attacker.space) == shown  # every time
    assert attacker.tried < 3 * 10 * attacker.space


def test_commit_then_reveal_is_met_by_chance_and_no_better():
    attacker = Between(Random(4), SPACE)
    h1 = attacker.meet_a()
    h2 = attacker.meet_b(lambda h: naive_digits(h, SPACE) == naive_digits(h1, SPACE))
    expected = TRIALS // SPACE
    for order in (attacker.a_then_b, attacker.b_then_a, attacker.interleaved):
        met = 0
        for _ in range(TRIALS):
            a = Pairing(True, h1, attacker.random, 0)
            b = Pairing(False, h2, attacker.random, 0)
            met += order(a, b, h1, h2)
        assert abs(met - expected) < FIVE_SIGMA, met


def test_who_reveals_another_nonce_than_it_committed_to_is_refused():
    attacker = Between(Random(5), SPACE)
    h1, h2 = attacker.random(32), attacker.random(32)
    for _ in range(50):
        a = Pairing(True, h1, attacker.random, 0)
        b = Pairing(False, h2, attacker.random, 0)
        assert not attacker.change_of_mind(a, b, h1, h2)


def test_the_grinding_would_succeed_if_nothing_were_committed():
    """The attacker is able: let it see the victim's nonce first, and it nearly always wins."""
    attacker = Between(Random(6), SPACE)
    h1, h2 = attacker.random(32), attacker.random(32)
    met = 0
    for _ in range(100):
        a = Pairing(True, h1, attacker.random, 0)
        attacker.answer(a, attacker.random(32))
        theirs = attacker.random(32)
        nonce = attacker.grind(lambda mine, t=theirs: digits_of(h2, mine, t), a)
        met += digits_of(h2, nonce, theirs) % SPACE == int(a.digits) % SPACE
    assert met > 90
