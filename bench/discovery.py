"""`make bench-discovery`: what an announcement costs a host, as its table of peers grows.

N simulated nodes announce themselves in virtual time, as real ones do: three times at once, then
three times a lifetime. The timed part is the receiver's: take a packet, tell the program what
changed, and look at lifetimes every two seconds. It runs until all are there (joining), then for
one lifetime more (refreshing); each figure is the median of the rounds. The last row is
the worst case: a stranger that finds the table full, and nobody in it who may go.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from pathlib import Path

import click
import table
from stopwatch import report

from dsoftbus.const import HOST, LINK_STREAM
from dsoftbus.discovery.announce import Announcement
from dsoftbus.discovery.announcer import Announcer
from dsoftbus.discovery.peers import Peers
from dsoftbus.identity import device_id

COUNTS = (10, 30, 100, 300, 1000)
LIFETIME_MS = 60_000
LOOK_MS = 2000  # as dsoftbus_host.upkeep.file_watch
START_MS = 100_000  # over which the nodes are switched on: strangers are heard 51 a second
JOINED_MS = START_MS + LIFETIME_MS
FULL_PACKETS = 1000
OUTPUT = Path("build/bench/discovery.json")
Packet = tuple[int, bytes, tuple[str, int]]


def key(n: int) -> bytes:
    return random.Random(n).randbytes(32)


def announcer(n: int, now: int) -> Announcer:
    public = key(n)
    links = ((LINK_STREAM, 37020),)
    said = Announcement(device_id(public), public, links, ("echo", "files"), f"node-{n}")
    return Announcer(said, now)


def packets(count: int, until_ms: int) -> list[Packet]:
    """(ms, packet, source) of `count` nodes, in the order of their times."""
    chance = random.Random(count)
    sent: list[Packet] = []
    for n in range(count):
        now = chance.randrange(START_MS * count // max(COUNTS) + 1)
        node = announcer(n, now)
        while now < until_ms:
            data = node.poll_transmit(now)
            sent.append((now, data, (f"10.0.{n >> 8}.{n & 255}", 37020)))
            now = node.poll_timer()
    return sorted(sent)


def hear(peers: Peers, heard: Iterable[Packet]) -> float:
    """us for one announcement."""
    look = 0
    count = 0
    start = time.perf_counter()
    for now, data, source in heard:
        count += 1
        peers.receive_datagram(data, source, now)
        if now >= look:
            peers.handle_timer(now)
            look = now + LOOK_MS
        while peers.next_event() is not None:
            pass
    return (time.perf_counter() - start) * 1e6 / count


def measure(count: int, sent: list[Packet], tables: int) -> tuple[float, float]:
    """(us to join, us to refresh) for an announcement among `count` nodes, which join so many
    tables one after the other."""
    first = [packet for packet in sent if packet[0] < JOINED_MS]
    joining = []
    for _ in range(tables):
        peers = Peers(HOST, "own")
        joining.append(hear(peers, first))
    refreshing = hear(peers, sent[len(first) :])
    online = sum(peer.online for peer in peers)
    if online != count:
        raise click.ClickException(f"{online} of {count} nodes are there")
    return sum(joining) / len(joining), refreshing


def measure_full() -> float:
    """us for a stranger when every place is taken by a peer that is there to stay."""
    peers = Peers(HOST, "own")
    for n in range(HOST.peers):
        peers.know(key(n)).fixed = (LINK_STREAM, "10.0.0.1", 37020)
    strangers = [announcer(HOST.peers + n, 0).answer() for n in range(FULL_PACKETS)]
    return hear(peers, [(n * 100, data, ("10.9.9.9", 1)) for n, data in enumerate(strangers)])


def chart(counts: list[int], joining: list[float], refreshing: list[float]) -> str:
    """An SVG of both costs (us) over the number of nodes, on a logarithmic scale."""
    top = 10 * (int(max(joining + refreshing) * 1.2) // 10 + 1)
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="520" height="300" font-size="13">']
    for n in range(5):
        y, value = 250 - 50 * n, top * n / 4
        parts.append(f'<line x1="50" y1="{y}" x2="490" y2="{y}" stroke="#dddddd"/>')
        parts.append(f'<text x="44" y="{y + 4}" text-anchor="end">{value:g}</text>')
    xs = [60 + 105 * n for n in range(len(counts))]
    for x, count in zip(xs, counts, strict=True):
        parts.append(f'<text x="{x}" y="268" text-anchor="middle">{count}</text>')
    parts.append('<text x="270" y="290" text-anchor="middle">nodes; us an announcement</text>')
    series = (("joining", "#cc7722", joining), ("refreshing", "#2266aa", refreshing))
    for n, (name, colour, values) in enumerate(series):
        points = [(x, 250 - 200 * y / top) for x, y in zip(xs, values, strict=True)]
        line = " ".join(f"{x},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        parts.append(
            f'<rect x="{120 + 160 * n}" y="8" width="12" height="12" fill="{colour}"/>'
            f'<text x="{138 + 160 * n}" y="19">{name}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


@click.command()
@click.option("--rounds", default=7, show_default=True, help="Rounds of each measurement.")
@click.option("--svg", type=click.Path(path_type=Path), help="Where to write the chart.")
@click.option("--most", default=max(COUNTS), show_default=True, help="No more nodes than these.")
def main(rounds: int, svg: Path | None, most: int) -> None:
    """Measures what an announcement costs among 10 to 1000 nodes."""
    counts = [count for count in COUNTS if count <= most]
    sent = {
        count: packets(count, JOINED_MS + LIFETIME_MS * max(counts) // count) for count in counts
    }
    found: dict[int, list[tuple[float, float]]] = {count: [] for count in counts}
    for _ in range(rounds):  # in turns: a machine that slows down for a moment slows all
        for count in counts:
            found[count].append(measure(count, sent[count], max(counts) // count))
    joining, refreshing = (
        [table.median([values[kind] for values in found[count]]) for count in counts]
        for kind in (0, 1)
    )
    rows = []
    for name, values in (("joining", joining), ("refreshing", refreshing)):
        for count, value in zip(counts, values, strict=True):
            rows.append(table.row(f"{name}, {count} nodes", value, "us", "10 nodes", values[0]))
    full = table.median([measure_full() for _ in range(rounds)])
    rows.append(table.row("a stranger, table full", full, "us", "refreshing", refreshing[-1]))
    report(rows, OUTPUT)
    if svg is not None:
        svg.write_text(chart(counts, joining, refreshing))


if __name__ == "__main__":
    main()
