"""`make bench-congestion`: who gets how much of a bottleneck, and how long its queue is.

In virtual time, so that it is the same on every machine. A path of 4 Mbit/s; the queue is counted
in paths: what is under way in a round trip. `model` is this project's control on hosts, `newreno`
the one on small boards, `aioquic` another's NewReno, a dependency of the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
import table
from sim import KILOBYTES_S, LATENCY_MS, SUITES, Bus, Quic, goodput
from stopwatch import keep

from dsoftbus.const import HOST
from dsoftbus_host.cli.demo.svg import Drawing
from dsoftbus_sim.bottleneck import Bottleneck, share
from dsoftbus_sim.faults import Faults

RATE = 500  # bytes a ms
QUEUES = (0.5, 1, 2, 4)
LATENCIES_MS = (10, 50)  # there, and back
PAIRS = (
    ("model", "newreno"),
    ("model", "aioquic"),
    ("model", "model"),
    ("newreno", "aioquic"),
)
KINDS = ("model", "newreno", "aioquic")
LOSSES = (0, 5, 10, 20, 50, 100)  # permille
COLOURS = {"model": "#2266aa", "newreno": "#55aa55", "aioquic": "#cc7722"}
OUTPUT = Path("build/bench/congestion.json")


class Reno(HOST):
    path_model = False


class RenoBus(Bus):
    """`Bus`, with the congestion control of boards."""

    PROFILE = Reno


def begin(place: Bottleneck, kind: str, size: int) -> Callable[[], int]:
    """A flow of `kind` begins that lasts for `size` bytes; the function says how many it has
    carried."""
    if kind == "aioquic":
        quic = Quic(place.network, size)
        place.join(quic.near.link.address, quic.far.link.address)
        return lambda: quic.received
    flow = place.flow(SUITES, HOST if kind == "model" else Reno)
    return lambda: flow.received


def together(
    kinds: Iterable[str], latency_ms: int, queue: float, seconds: float
) -> tuple[float, float, list[int]]:
    """(share of the first, use of the path, sorted waits in the queue in ms)."""
    room = int(queue * 2 * latency_ms * RATE)
    place = Bottleneck(1, Faults(latency_ms, kilobytes_s=RATE, queue_bytes=room))
    settle_ms, ms = int(seconds * 250), int(seconds * 1000)
    flows = [begin(place, kind, RATE * (settle_ms + ms)) for kind in kinds]
    part, rate = share(place, flows, settle_ms, ms)
    return part, rate / RATE, sorted(place.waits_ms)


def shares(seconds: float) -> dict[tuple[str, str, int], list[float]]:
    """(kind, other, latency) -> share of the first, for each queue."""
    found: dict[tuple[str, str, int], list[float]] = {}
    print("| share of / beside | round trip | " + " | ".join(f"{q:g}" for q in QUEUES) + " |")
    print("|---|---|" + "---|" * len(QUEUES))
    for one, other in PAIRS:
        for latency in LATENCIES_MS:
            row = [together((one, other), latency, queue, seconds)[0] for queue in QUEUES]
            found[one, other, latency] = row
            cells = " | ".join(f"{part:.2f}" for part in row)
            print(f"| {one} / {other} | {2 * latency} ms | {cells} |", flush=True)
    return found


def queues(seconds: float) -> dict[str, list[float]]:
    """Kind -> the median wait of a flow that is alone, in paths, for each queue."""
    found = {}
    latency = LATENCIES_MS[-1]
    print("\n| alone: median and 95 % of the queue, in paths | ", end="")
    print(" | ".join(f"{queue:g}" for queue in QUEUES) + " |")
    print("|---|" + "---|" * len(QUEUES))
    for kind in KINDS:
        waits = [together((kind,), latency, queue, seconds)[2] for queue in QUEUES]
        pairs = [
            (w[len(w) // 2] / (2 * latency), w[len(w) * 95 // 100] / (2 * latency)) for w in waits
        ]
        found[kind] = [median for median, _ in pairs]
        print(
            f"| {kind} | " + " | ".join(f"{a:.2f}, {b:.2f}" for a, b in pairs) + " |", flush=True
        )
    return found


def radio(mb: float) -> dict[str, list[float]]:
    """Kind -> goodput as a part of the ideal, for each loss, on the path of `sim.py`."""
    size = int(mb * 1_000_000)
    found: dict[str, list[float]] = {}
    for kind, pair in (("model", Bus), ("newreno", RenoBus), ("aioquic", Quic)):
        found[kind] = [goodput(pair, size, 0, loss) / ideal(size, loss) for loss in LOSSES]
    return found


def ideal(size: int, loss: int) -> float:
    return size / (size / KILOBYTES_S + LATENCY_MS) * (1 - loss / 1000)


class Chart:
    """Lines over a few places, from 0 to `top`, in one part of a drawing."""

    def __init__(self, drawing: Drawing, left: int, title: str, top: float) -> None:
        self._drawing = drawing
        self._left = left
        self._top = top
        drawing.text(left, 20, title)
        for level in (0.0, 0.5, 1.0):
            y = self._y(level * top)
            drawing.line([(left, y), (left + 230, y)], "#dddddd")
            drawing.text(left - 30, y + 4, f"{level * top:g}")

    def _y(self, value: float) -> float:
        return 220 - 180 * value / self._top

    def line(self, places: Iterable[float], values: list[float], colour: str) -> None:
        step = 220 / (len(values) - 1)
        self._drawing.line(
            [(self._left + n * step, self._y(value)) for n, value in enumerate(values)], colour
        )
        for n, place in enumerate(places):
            self._drawing.text(self._left + n * step - 4, 238, f"{place:g}")


def drawn(
    lossy: dict[str, list[float]],
    found: dict[tuple[str, str, int], list[float]],
    alone: dict[str, list[float]],
) -> str:
    drawing = Drawing(880, 280)
    chart = Chart(drawing, 40, "goodput of ideal, over loss in %", 1)
    for kind, values in lossy.items():
        chart.line((loss / 10 for loss in LOSSES), values, COLOURS[kind])
    chart = Chart(drawing, 330, "share beside a NewReno, over the queue in paths", 1)
    for (one, other, _), values in found.items():
        if one != other and other != "model":
            chart.line(QUEUES, values, COLOURS["model" if one == "model" else "newreno"])
    chart = Chart(drawing, 640, "queue of one flow, in paths, over its room", 4)
    for kind, values in alone.items():
        chart.line(QUEUES, values, COLOURS[kind])
    for n, kind in enumerate(KINDS):
        drawing.box(40 + 120 * n, 255, 12, 12, COLOURS[kind])
        drawing.text(58 + 120 * n, 266, kind)
    return str(drawing)


@click.command()
@click.option("--seconds", default=40.0, show_default=True, help="Virtual time of each pair.")
@click.option("--mb", default=4.0, show_default=True, help="Megabytes at each loss.")
@click.option("--svg", type=click.Path(path_type=Path), help="Where to write the charts.")
def main(seconds: float, mb: float, svg: Path | None) -> None:
    """Compares congestion control on one bottleneck, and alone."""
    found = shares(seconds)
    alone = queues(seconds)
    lossy = radio(mb)
    rows = [
        table.row(f"share of {one} beside {other}, {2 * latency} ms, queue {q:g}", v, "", "", None)
        for (one, other, latency), values in found.items()
        for q, v in zip(QUEUES, values, strict=True)
    ]
    rows += [
        table.row(f"{kind} alone, median queue of {q:g}", v, "paths", "", None)
        for kind, values in alone.items()
        for q, v in zip(QUEUES, values, strict=True)
    ]
    rows += [
        table.row(f"{kind}, loss {loss / 10:g} %", v, "of ideal", "aioquic", other)
        for kind, values in lossy.items()
        for loss, v, other in zip(LOSSES, values, lossy["aioquic"], strict=True)
    ]
    print()
    table.show(rows[-len(LOSSES) * len(KINDS) :])
    keep(rows, OUTPUT)
    if svg is not None:
        svg.write_text(drawn(lossy, found, alone))


if __name__ == "__main__":
    main()
