"""Congestion control over a simulated path: a small part of `make bench-congestion`."""

import pytest

from dsoftbus.const import HOST
from dsoftbus_host import crypto
from dsoftbus_sim.bottleneck import Bottleneck, share
from dsoftbus_sim.faults import Faults

RATE = 250  # bytes a ms: 2 Mbit/s
ROUND_TRIP_MS = 40
SUITES = {1: crypto.suite(1)}


class Reno(HOST):
    path_model = False


def bottleneck(paths: float, loss: int = 0) -> Bottleneck:
    """One whose queue holds so many times what the path does."""
    queue = int(paths * RATE * ROUND_TRIP_MS)
    faults = Faults(ROUND_TRIP_MS // 2, kilobytes_s=RATE, queue_bytes=queue, loss=loss)
    return Bottleneck(1, faults)


def carried(place: Bottleneck, *profiles, settle_ms=4000, ms=8000) -> tuple[float, float]:
    flows = [place.flow(SUITES, profile) for profile in profiles]
    functions = [lambda flow=flow: flow.received for flow in flows]
    part, rate = share(place, functions, settle_ms, ms)
    return part, rate / RATE


@pytest.mark.parametrize(("loss", "least"), [(0, 0.94), (10, 0.85), (50, 0.6)])
def test_a_radio_that_loses_costs_little_more_than_what_it_loses(loss, least):
    assert carried(bottleneck(1, loss), HOST)[1] > least


@pytest.mark.parametrize("paths", [0.5, 1, 2, 4])
def test_a_newreno_beside_it_has_its_share(paths):
    part, rate = carried(bottleneck(paths), HOST, Reno, settle_ms=6000, ms=12000)
    assert 0.3 <= part <= 0.7 and rate > 0.85


def test_two_of_a_kind_share_as_well():
    part, rate = carried(bottleneck(1), HOST, HOST, settle_ms=6000, ms=12000)
    assert 0.3 <= part <= 0.7 and rate > 0.9


@pytest.mark.parametrize("paths", [0.5, 4])
def test_alone_it_keeps_no_queue(paths):
    place = bottleneck(paths)
    assert carried(place, HOST)[1] > 0.9
    waits = sorted(place.waits_ms)
    assert waits[len(waits) // 2] <= ROUND_TRIP_MS // 2
    assert waits[len(waits) * 9 // 10] <= ROUND_TRIP_MS
