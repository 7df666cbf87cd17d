"""The soak of many simulated nodes runs, with few of them."""

from soak_nodes import BEGIN_MS, Ring


def test_a_ring_of_nodes_meets_and_stays():
    ring = Ring(40)
    ring.world.run(BEGIN_MS)
    assert ring.whole
