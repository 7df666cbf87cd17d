"""One session goes from link to link: cable, network, broker, and back, in every order."""

from dsoftbus.const import HOST, SMALL
from dsoftbus.packet.flow import Unhindered
from dsoftbus.packet.gaps import GappedProtect
from links import BROKER, CABLE, NETWORK, Three
from simulated import pattern

ORDERS = [
    (first, second, 3 - first - second)
    for first in (CABLE, NETWORK, BROKER)
    for second in (CABLE, NETWORK, BROKER)
    if first != second
]


def test_cable_network_broker_and_back_to_the_cable():
    talk = Three()
    talk.world.run(2000)
    assert talk.both == (CABLE, CABLE)
    talk.cut(CABLE)
    talk.until_on(NETWORK)
    talk.world.run(1000)
    talk.cut(NETWORK)
    talk.until_on(BROKER)
    talk.world.run(1000)
    talk.join(CABLE)
    talk.until_on(CABLE)
    talk.finish()


def test_links_fail_and_return_in_every_order():
    """All six orders of failures, with each order of return; one link is there at any time."""
    for number in range(36):
        fail, back = ORDERS[number // 6], ORDERS[number % 6]
        talk = Three(number, pieces=40, profile=SMALL if number % 2 else HOST)
        talk.world.run(300)
        talk.cut(fail[0])
        talk.world.run(2500)
        talk.cut(fail[1])
        talk.until_on(fail[2])
        talk.join(back[0] if back[0] != fail[2] else back[1])
        talk.cut(fail[2])
        up = back[0] if back[0] != fail[2] else back[1]
        talk.until_on(up)
        for link in back:
            talk.join(link)
        talk.until_on(CABLE)
        talk.finish()


def test_a_cable_that_is_pulled_is_left_at_once():
    talk = Three()
    talk.world.run(1000)
    talk.pull(CABLE)
    talk.until_on(NETWORK, 400)
    talk.finish()


def test_nothing_of_a_cable_stays_with_a_session_on_a_network():
    """Congestion control, gaps, short timeouts: and on the cable again the line's own pace."""
    talk = Three()
    talk.world.run(1000)
    session = talk.sessions[talk.a]
    assert isinstance(session.reliable.congestion, Unhindered)
    assert not isinstance(session.protection, GappedProtect)
    slow = session.reliable.rtt.probe_timeout
    talk.pull(CABLE)
    talk.until_on(NETWORK)
    talk.world.run(2000)
    for node in (talk.a, talk.b):
        session = talk.sessions[node]
        assert session.reliable.congestion.window and session.reliable.pacer is not None
        assert isinstance(session.protection, GappedProtect)
        assert session.reliable.protect is session.protection
        assert session.reliable.recovery.congestion is session.reliable.congestion
        assert session.reliable.rtt.probe_timeout < 500 < 3000 < slow
    talk.join(CABLE)
    talk.until_on(CABLE)
    for node in (talk.a, talk.b):
        assert isinstance(talk.sessions[node].reliable.congestion, Unhindered)
    talk.finish()


def test_a_session_in_which_nothing_is_said_notices_too():
    talk = Three(pieces=1)
    talk.world.run(30000)
    talk.cut(CABLE)
    talk.until_on(NETWORK, 12000)
    talk.finish()


def test_all_links_may_be_gone_for_a_while():
    talk = Three(pieces=200)
    talk.world.run(1000)
    for link in (CABLE, NETWORK, BROKER):
        talk.cut(link)
    talk.world.run(20000)
    assert not talk.closed
    talk.join(BROKER)
    talk.until_on(BROKER)
    talk.finish()


def test_long_packets_stay_on_the_link_that_carries_them():
    """A session of hosts whose packets have grown goes through a broker in short ones: what was
    under way goes in parts, and nothing longer is tried there."""
    talk = Three(begin=NETWORK, pieces=300, mtu=9000)
    talk.waiting[talk.a] = bulk = pattern(200000, 3)
    talk.said[talk.a].update(bulk)
    talk.until(lambda: talk.sessions[talk.a].reliable is not None)
    reliable = talk.sessions[talk.a].reliable
    talk.until(lambda: reliable.path_mtu.size > 1200 and reliable._outbox.has_room)
    longest = []
    talk.networks[BROKER].watch = lambda _from, _to, data: longest.append(len(data))
    talk.cut(NETWORK)
    talk.until_on(BROKER)
    talk.world.run(3000)
    assert reliable.path_mtu.size == 1200 == reliable.path_mtu.ceiling
    assert 1000 < max(longest) <= 1200
    talk.join(NETWORK)
    talk.until_on(NETWORK)
    assert reliable.path_mtu.ceiling > 1200
    talk.finish()
