"""Datagram sessions whose path breaks, heals and changes, and whose keys change on the way."""

from simulated import Talk


def test_a_partition_heals():
    talk = Talk(1, 16000, {"latency_ms": 20})
    talk.world.run(60)
    talk.network.part(talk.a.address, talk.b.address)
    talk.world.run(20000)
    talk.network.part(talk.a.address, talk.b.address, False)
    talk.run().finish()


def test_the_client_moves_and_keeps_its_session():
    talk = Talk(1, 30000, {"latency_ms": 20, "kilobytes_s": 3})
    for _ in range(3):
        talk.world.run(100)
        talk.network.move(talk.a.link)  # in the middle of a full window, both ways
        talk.world.run(2500)
    talk.run().finish()
    assert talk.sessions[talk.b].moves == 3
    assert talk.sessions[talk.a].moves == 0


def test_timers_do_not_spin():
    """A session that has nothing to do sleeps: its timer is in the future, and few fire."""
    talk = Talk(1, 1000, {"latency_ms": 10})
    talk.run()
    talk.world.run(2000)
    before = talk.world._serial
    talk.world.run(10000)
    assert talk.world._serial - before < 10
    assert talk.a.endpoint.poll_timer() > talk.world.now_ms


def test_keys_change_on_the_way():
    talk = Talk(1, 8000, {"latency_ms": 5, "loss": 50, "reorder": 100}, mtu=300)
    talk.world.run(3600000, lambda: talk.sessions[talk.b] is not None)
    for node in (talk.a, talk.b):  # the same on both sides, so that 16384 packets need not go
        shield = talk.sessions[node].protection
        shield._rekey, shield._rekey_mask = 16, 15
    talk.run().finish()
    assert talk.sessions[talk.a].protection._phase >= 2
