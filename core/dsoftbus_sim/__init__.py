"""localSim: a backend without an OS. A virtual clock, and a seeded network with faults.

world = World(seed=1)
network = Network(world, Faults(latency_ms=20, loss=50))
a, b = (SimNode(network, suites, SMALL, on_event, allowed=ANYONE) for _ in range(2))
session = a.connect(b)
world.run(ms=1000)
"""
