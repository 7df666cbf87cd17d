"""The soak of services between processes runs, briefly."""

import asyncio

from services_soak import Soak


def test_calls_and_updates_between_processes_are_accounted_for(tmp_path):
    counts = asyncio.run(Soak(tmp_path, 3, nodes=1).run(0.5))
    assert sum(counts.values()) > 0
