"""The named scenarios do what they say, on every interpreter."""

import sys

from dsoftbus_sim.scenarios import CUT, JOINED, MOVES, SCENARIOS, Scenario, find
from dsoftbus_sim.trial import Trial
from simulated import SUITES

SIZE = 200000 if sys.implementation.name == "cpython" else 12000


def trial(name, size=SIZE, loss=None):
    done = Trial(find(name), SUITES, 1, size, loss)
    assert done.run(), name
    return done


def test_every_scenario_delivers():
    for scenario in SCENARIOS:
        done = trial(scenario.name, SIZE if scenario.megabytes > 1 else 4000)
        assert done.samples[-1][1] == done.size
        assert done.samples == sorted(done.samples, key=lambda sample: sample[:2])


def slowly(name):
    """The scenario's plan on a path that is busy until it has been played to its end."""
    scenario = Scenario(name, "", {"kilobytes_s": 3}, plan=find(name).plan)
    done = Trial(scenario, SUITES, 1, 12000)
    assert done.run()
    return done


def test_plans_happen():
    assert slowly("partition").marks == [(1000, CUT), (3000, JOINED)]
    moved = slowly("roaming")
    assert [what for _, what in moved.marks] == [MOVES] * 3
    assert not moved.session.closed


def test_loss_may_be_set():
    assert trial("lossy", loss=0).network.totals[1] == 0
    assert trial("clean", loss=200).network.totals[1] > 0


def test_nothing_arrives_where_all_is_lost():
    lost = Trial(find("clean"), SUITES, 1, SIZE, 1000)
    assert not lost.run()
    assert lost.session.closed and not lost.samples


def test_what_is_no_scenario_is_none():
    assert find("stormy") is None
