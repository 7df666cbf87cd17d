"""`make docs-figures` writes into README.md what `make bench`, `make bench-datagrams` and
`make bench-services` measured.

A row is written with what was measured on both sides, the ratio's median and quartiles in wall
time and in CPU time, and the aim. A ratio that misses its aim says so.
"""

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "bench"))

import table  # type: ignore[import-not-found]  # noqa: E402

PAGE = ROOT / "README.md"
MARK = re.compile(r"<!-- figures: ([a-z-]+) -->\n.*?<!-- until here -->\n", re.DOTALL)
HEAD = "| {} | here | reference | wall time | CPU time | aim |\n|---|---|---|---|---|---|\n"
TITLES = {
    "bench": "host, both ends in one process, on loopback",
    "datagrams": "sessions over UDP, both ends in one process, on loopback",
    "services": "calls and topics, beside MQTT at QoS 0 whose bytes are open",
}
AIMS = {  # of rates at least, of times at most
    "bulk, AES-GCM": 1.6,
    "bulk, ChaChaPoly": 1.3,
    "round trip, AES-GCM": 1.3,
    "round trip, ChaChaPoly": 1.3,
    "round trip, UDP": 1.5,
    "bulk, UDP beside QUIC": 6,
    "connects, AES-GCM": 2.2,
    "connects, ChaChaPoly": 2.2,
    "bulk, 64 streams": 0.9,
    "file, sent": 0.9,
    "file, fetched": 0.9,
    "call, 32 bytes": 1.5,
    "request and answer, 32 bytes": 0.25,
    "events, 32 bytes": 4,
}


def line(row: dict[str, Any]) -> str:
    """A row of the page's table."""
    name, unit, aim = row["name"], row["unit"], AIMS.get(row["name"])
    here, there = (f"{table.number(row[key])} {unit}" for key in ("value", "reference_value"))
    ratios = [_judged(row[time], aim, unit) for time in ("wall", "cpu")]
    return (
        f"| {name} | {here} | {there}, {row['reference']} | {ratios[0]} | {ratios[1]} "
        f"| {'' if aim is None else f'{aim:g}'} |\n"
    )


def _judged(time: dict[str, Any], aim: float | None, unit: str) -> str:
    said: str = table.ratios(time)
    rate = not unit.endswith("s") or unit.endswith("/s")
    if aim is None or (time["ratio"][0] >= aim if rate else time["ratio"][0] <= aim):
        return said
    return f"{said}: **short**"


def figures(name: str) -> str:
    """The part of the page that `build/bench/NAME.json` is the source of."""
    measured = json.loads((ROOT / "build/bench" / f"{name}.json").read_text())
    lines = "".join(line(row) for row in measured["rows"])
    machine = textwrap.fill(f"Measured on {measured['machine']}.", 100)
    return (
        f"<!-- figures: {name} -->\n\n{HEAD.format(TITLES[name])}{lines}\n{machine}\n\n"
        "<!-- until here -->\n"
    )


def page(text: str) -> str:
    """`text` with the figures that are there to be written."""
    return MARK.sub(lambda mark: figures(mark[1]), text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    print(f"wrote {PAGE.relative_to(ROOT)}")
