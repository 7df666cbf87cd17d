"""Victims for the tests of this folder: each attack meets both backends, side by side."""

import pytest

from attack.victim import BOTH


@pytest.fixture(params=BOTH, ids=lambda kind: kind.kind)
def victim_of(request, tmp_path):
    """`victim_of(**options)`: a running victim of either backend; it must survive the test."""
    running = []

    def start(**options):
        victim = request.param(tmp_path / "served", **options)
        victim.__enter__()
        running.append(victim)
        return victim

    yield start
    for victim in running:
        victim.__exit__(None, None, None)
