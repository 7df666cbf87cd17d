"""The common part of tests of changing addresses: a talk that is over, and what went where in
it."""

from dsoftbus.const import REC_PROTECTED
from dsoftbus.session.path_validation import PROOF_PACKET
from simulated import Talk

VICTIM = 77


def nothing(kind, n):
    return False


def running(seed=1, size=2000, faults=None):
    """A talk that is over, and whose session is still there."""
    talk = Talk(seed, size, faults or {"latency_ms": 5}, lose=nothing)
    talk.run()
    talk.world.run(100)
    talk.wire.clear()
    return talk


def sent(talk, source, destination):
    """The datagrams that went from one address to another."""
    return [data for a, b, data in talk.wire if a == source and b == destination]


def size_of(datagrams):
    return sum(len(data) for data in datagrams)


def proofs(datagrams):
    return [data for data in datagrams if data[0] == REC_PROTECTED and len(data) == PROOF_PACKET]


def dropped(talk, label):
    return talk.drops().get("drop." + label, 0)


def say(talk, node):
    """A small packet from `node` that asks for an acknowledgement."""
    assert talk.sessions[node].send_datagram(b"")
    node.turn()


def raw_packet(session, plain):
    """Returns a packet that `session` might send, were it not so well-behaved."""
    out = bytearray(len(plain) + 25)
    return bytes(out[: session.protection.seal(plain, 0, len(plain), out)])


def answers_as(talk, address):
    """Has `a` send under `address`, which it does not have, from now on."""
    talk.a.link.sendto = lambda buffer, n, path: (
        talk.network.send(address, path, bytes(memoryview(buffer)[:n])) or True
    )
