"""`make bench-compiled`: a compiled core and one of Python beside asyncio's TLS 1.3, in one run.

The two builds take turns, each in a process of its own, with the TLS of that process beside it as
`bench.py` has it; the build that was first is last in the next turn. A row has the median over the
turns of what each turn found, and the quartiles of their ratios.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bench
import click
import table
from stopwatch import report

from dsoftbus_host.loaded_core import loaded_core

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = Path("build/bench/compiled.json")
PYTHON = os.pathsep.join((str(ROOT / "core"), str(ROOT / "host")))


def turn(paths: str, words: tuple[str, ...]) -> list[dict[str, Any]]:
    """The rows of a process that imports from `paths`; `words` say how much it measures."""
    command = (sys.executable, __file__, "--alone", *words)
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def alone(rounds: int, amounts: bench.Amounts) -> None:
    """Prints the rows of the core that this process has."""
    rows = bench.against_tls(rounds, amounts)
    print(json.dumps([{**row, "name": f"{row['name']}, {loaded_core()}"} for row in rows]))


def merged(turns: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of the same row of all turns."""
    both = {time: _median([row[time] for row in turns]) for time in ("wall", "cpu")}
    wall = both["wall"]
    figures = {key: wall[key] for key in ("value", "reference_value")}
    return {**turns[0], **figures, **both, "ratio": wall["ratio"][0]}


def _median(times: list[dict[str, Any]]) -> dict[str, Any]:
    value, reference = (
        table.median([each[key] for each in times]) for key in ("value", "reference_value")
    )
    ratio = table.spread([each["ratio"][0] for each in times])
    return {"value": value, "reference_value": reference, "ratio": ratio}


@click.command()
@click.option("--site", default="build/compiled/site", show_default=True, help="A compiled build.")
@click.option("--turns", default=5, show_default=True, help="Turns of each build.")
@click.option("--rounds", default=3, show_default=True, help="Rounds of each comparison, a turn.")
@click.option("--mb", default=16, show_default=True, help="Megabytes of bulk in a round.")
@click.option("--trips", default=bench.TRIPS, show_default=True, help="Round trips in a round.")
@click.option("--connects", default=bench.CONNECTS, show_default=True, help="Sessions in a round.")
@click.option("--alone", "is_alone", is_flag=True, help="Measure this process's own build.")
def main(
    site: str, turns: int, rounds: int, mb: int, trips: int, connects: int, is_alone: bool
) -> None:
    """Compares both builds of the core with asyncio's TLS 1.3 on loopback."""
    if is_alone:
        alone(rounds, bench.Amounts(mb * 1024 * 1024, trips, connects))
        return
    amounts = {"rounds": rounds, "mb": mb, "trips": trips, "connects": connects}
    words = tuple(f"--{name}={amount}" for name, amount in amounts.items())
    builds = [PYTHON, str(Path(site).resolve())]
    found: list[list[list[dict[str, Any]]]] = [[] for _ in builds]
    for n in range(turns):
        for i in (0, 1) if n % 2 else (1, 0):
            found[i].append(turn(builds[i], words))
    each = [[merged(list(rows)) for rows in zip(*build, strict=True)] for build in found]
    rows = [row for pair in zip(*each, strict=True) for row in pair]
    report(rows, OUTPUT)


if __name__ == "__main__":
    main()
