"""A lack of memory in any call that a driver makes: a datagram or a session is lost, never a node.

`heap_lock()` of MicroPython makes every allocation in that call fail. On CPython the functions of
the suite fail in its place.
"""

import sys

from dsoftbus.const import SMALL, SUITE_CHACHA_SHA256
from simulated import LONG_MS, SUITES, Talk

try:
    from micropython import heap_lock, heap_unlock
except ImportError:
    heap_lock = heap_unlock = None

# The port for a browser frees nothing while a test runs: it tries a part of the places.
STEP = 23 if sys.platform == "webassembly" else 1
CALLS = ("receive_datagram", "handle_timer", "poll_transmit", "next_event")


class Scarce:
    """Stands for `inner`, an object of a suite; while there is no memory its methods fail."""

    def __init__(self, inner, lack):
        self._inner = inner
        self._lack = lack

    def __getattr__(self, name):
        value = getattr(self._inner, name)
        if not callable(value):
            return Scarce(value, self._lack) if name == "hash" else value

        def method(*args):
            if self._lack.now:
                raise MemoryError
            made = value(*args)
            return Scarce(made, self._lack) if name in ("cipher", "keypair") else made

        return method


class Lack:
    """There is no memory in the `chosen`-th call of an endpoint that is watched."""

    def __init__(self, chosen):
        self.left = chosen
        self.now = False

    def watch(self, endpoint):
        for name in CALLS:
            setattr(endpoint, name, self.limited(getattr(endpoint, name)))

    def limited(self, method):
        def call(*args):
            self.left -= 1
            if self.left != -1:
                return method(*args)
            return self.without_memory(method, args)

        return call

    def without_memory(self, method, args):
        """Goes on, as a driver does without memory."""
        self.now = True
        if heap_lock is not None:
            heap_lock()
        try:
            return method(*args)
        except MemoryError:
            return None
        finally:
            if heap_lock is not None:
                heap_unlock()
            self.now = False


class LimitedTalk(Talk):
    """Watched from its first call on."""

    def __init__(self, lack):
        self._lack = lack
        super().__init__(1, 600, {"latency_ms": 5, "loss": 20}, SMALL)

    def _node(self, name, profile, mtu):
        node = super()._node(name, profile, mtu)
        if heap_lock is None:
            suite = Scarce(SUITES[SUITE_CHACHA_SHA256], self._lack)
            node.node.local.suites = {SUITE_CHACHA_SHA256: suite}
        self._lack.watch(node.endpoint)
        return node


def limited_talk(chosen):
    lack = Lack(chosen)
    return lack, LimitedTalk(lack)


def begin(talk):
    """A new session, as if there had been none."""
    talk.closed.clear()
    talk.resets = 0
    for node in (talk.a, talk.b):
        talk.sent[node] = 0
        talk.got[node] = bytearray()
        talk.ended[node] = False
        talk.sessions[node] = None
    talk.sessions[talk.a] = talk.a.connect(talk.b)


def run_without_memory_at(chosen) -> bool:
    """False when the talk was over before that call."""
    lack, talk = limited_talk(chosen)
    try:
        talk.world.run(LONG_MS, lambda: talk.is_done() or not talk.a.node.sessions)
        if talk.is_done():
            talk.run().finish()
        else:
            talk.world.run(LONG_MS, lambda: not talk.b.node.sessions)
            nodes = [node for node, _ in talk.closed]
            assert nodes.count(talk.a) == 1 >= nodes.count(talk.b)
        reached = lack.left < 0
        lack.left = -2  # from here on there is plenty
        begin(talk)  # both nodes are as good as new
        talk.run().finish()
    except Exception:
        print("without memory in call %d" % chosen)
        raise
    return reached


def test_a_lack_of_memory_in_any_call_leaves_both_nodes():
    chosen = 0
    while run_without_memory_at(chosen):
        chosen += STEP
    assert chosen > 100  # so many places were tried


def move_without_memory_at(chosen) -> bool:
    """False when the peer was followed before that call."""
    lack, talk = limited_talk(1 << 29)
    talk.run()
    lack.left = chosen
    session = talk.sessions[talk.a]
    talk.network.move(talk.a.link)
    assert session.send_datagram(b"here")
    talk.a.turn()
    talk.world.run(20000)
    reached = lack.left < 0
    lack.left = -2
    if not talk.closed:
        assert talk.sessions[talk.b].path == talk.a.address
        assert talk.sessions[talk.b].validation is None
    begin(talk)  # both nodes are as good as new
    talk.run()
    return reached


def test_a_lack_of_memory_while_a_peer_moves_leaves_both_nodes():
    chosen = 0
    while move_without_memory_at(chosen):
        chosen += STEP
    assert chosen > 10
