"""`make bench-sim`: goodput over one simulated path, beside aioquic and what the path could carry.

It prints the table of docs/datagrams.md, in virtual time: the same on every machine. Both carry
8 MB one way on one stream; the clock runs from the first byte that is handed over to the last that
has arrived. Figures are medians over the seeds, and `build/bench/sim.json` has the quartiles, too.
aioquic is a dependency of the tests only.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

import click
import table
from stopwatch import keep

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "core"), str(ROOT / "host")]

from aioquic.quic.configuration import QuicConfiguration  # noqa: E402
from aioquic.quic.connection import QuicConnection  # noqa: E402
from aioquic.quic.events import HandshakeCompleted, StreamDataReceived  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

from dsoftbus.const import (  # noqa: E402
    ANYONE,
    EV_ESTABLISHED,
    EV_OPENED,
    EV_READABLE,
    EV_WRITABLE,
    HOST,
)
from dsoftbus_host import crypto  # noqa: E402
from dsoftbus_host.cli.demo.svg import Drawing  # noqa: E402
from dsoftbus_sim.faults import Faults  # noqa: E402
from dsoftbus_sim.network import Network  # noqa: E402
from dsoftbus_sim.node import SimNode  # noqa: E402
from dsoftbus_sim.world import World  # noqa: E402

LATENCY_MS = 50
KILOBYTES_S = 1250  # 10 Mbit/s
QUEUE_BYTES = 125_000  # as much as is under way in a round trip
LOSSES = (0, 10, 50)  # permille
LIMIT_MS = 1_200_000
SUITES = {1: crypto.suite(1)}
OUTPUT = Path("build/bench/sim.json")


def network(seed: int, loss: int) -> Network:
    faults = Faults(
        latency_ms=LATENCY_MS, kilobytes_s=KILOBYTES_S, queue_bytes=QUEUE_BYTES, loss=loss
    )
    return Network(World(seed), faults)


class Bus:
    """Two nodes of this project, as `Quic` below."""

    PROFILE: Any = HOST

    def __init__(self, net: Network, size: int) -> None:
        self.world = net.world
        self.data = bytes(size)
        self.sent = self.received = 0
        self.begun_us = 0
        self.one, self.other = (
            SimNode(net, SUITES, self.PROFILE, self.on_event, allowed=ANYONE) for _ in range(2)
        )
        self.session = self.one.connect(self.other)

    def on_event(self, node: SimNode, session: Any, event: Any) -> None:
        if event.kind == EV_ESTABLISHED and session.initiator:
            self.begun_us = self.world.now_us
            self.push(session.open("bulk"))
        elif event.kind == EV_OPENED:
            event.stream.accept()
        elif event.kind == EV_WRITABLE:
            self.push(event.stream)
        elif event.kind == EV_READABLE:
            self.received += event.stream.readable
            event.stream.drop(len(event.stream.peek()))
            event.stream.drop(event.stream.readable)

    def push(self, stream: Any) -> None:
        while self.sent < len(self.data):
            n = stream.send(self.data, self.sent)
            if not n:
                return
            self.sent += n


class Peer:
    """One aioquic connection on a simulated link."""

    def __init__(self, quic: QuicConnection, net: Network, on_event: Any) -> None:
        self.quic = quic
        self.world = net.world
        self.link = net.attach(self.on_datagram)
        self.target = 0
        self._on_event = on_event
        self._buffer = bytearray(2000)
        self._wake_us = -1

    def on_datagram(self) -> None:
        got = self.link.recvfrom_into(self._buffer)
        if got is not None:
            now = self.world.now_us / 1e6
            self.quic.receive_datagram(bytes(self._buffer[: got[0]]), got[1], now)
        self.turn()

    def turn(self) -> None:
        now = self.world.now_us / 1e6
        deadline = self.quic.get_timer()
        if deadline is not None and deadline <= now:
            self.quic.handle_timer(now)
        while (event := self.quic.next_event()) is not None:
            self._on_event(self, event)
        for data, _ in self.quic.datagrams_to_send(now):
            self.link.sendto(data, len(data), self.target)
        deadline = self.quic.get_timer()
        if deadline is not None:
            self.world.at(max(int(deadline * 1e6) + 1, self.world.now_us + 100), self.on_timer)

    def on_timer(self) -> None:
        deadline = self.quic.get_timer()
        if deadline is not None and deadline * 1e6 <= self.world.now_us:
            self.turn()


class Quic:
    """An aioquic client and server that carry the same bytes."""

    def __init__(self, net: Network, size: int) -> None:
        self.world = net.world
        self.size = size
        self.received = 0
        self.begun_us = 0
        client = QuicConfiguration(is_client=True, alpn_protocols=["x"], verify_mode=0)
        client.server_name = "localhost"
        server = QuicConfiguration(is_client=False, alpn_protocols=["x"])
        server.certificate, server.private_key = CERTIFICATE
        near = QuicConnection(configuration=client)
        far = QuicConnection(
            configuration=server,
            original_destination_connection_id=near.original_destination_connection_id,
        )
        self.near = Peer(near, net, self.on_event)
        self.far = Peer(far, net, self.on_event)
        self.near.target, self.far.target = self.far.link.address, self.near.link.address
        near.connect(self.far.link.address, net.world.now_us / 1e6)
        self.near.turn()

    def on_event(self, peer: Peer, event: Any) -> None:
        if isinstance(event, HandshakeCompleted) and peer is self.near:
            self.begun_us = self.world.now_us
            peer.quic.send_stream_data(0, bytes(self.size))
        elif isinstance(event, StreamDataReceived):
            self.received += len(event.data)


def certificate() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    begin, end = datetime.datetime(2020, 1, 1), datetime.datetime(2099, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, end)
    return builder.sign(key, hashes.SHA256()), key


CERTIFICATE = certificate()


def goodput(kind: type[Bus] | type[Quic], size: int, seed: int, loss: int) -> float:
    """In kilobytes of payload a second of virtual time."""
    pair = kind(network(seed, loss), size)
    done = pair.world.run(LIMIT_MS, lambda: pair.received >= size)
    if not done:
        raise SystemExit(f"{kind.__name__} with seed {seed} and loss {loss} has not ended")
    return size / ((pair.world.now_us - pair.begun_us) / 1000)


def full(size: int) -> float:
    """Returns the goodput of a path that loses nothing of `size` bytes, in kB/s."""
    return size / (size / KILOBYTES_S + LATENCY_MS)


def chart(rows: list[dict[str, Any]], top: float) -> str:
    """An SVG of grouped bars: for each loss the ideal, this project and aioquic."""
    colours = ("#bbbbbb", "#2266aa", "#cc7722")
    drawing = Drawing(520, 300)
    for n, name in enumerate(("ideal", "dsoftbus", "aioquic")):
        drawing.box(120 + 120 * n, 8, 12, 12, colours[n])
        drawing.text(138 + 120 * n, 19, name)
    for group, row in enumerate(rows):
        left = 40 + 160 * group
        for n, value in enumerate((row["ideal"], row["value"], row["reference_value"])):
            x, height = left + 42 * n, 200 * value / top
            drawing.box(x, 260 - height, 36, height, colours[n])
            drawing.text(x, 254 - height, f"{value:.0f}")
        drawing.text(left, 282, f"{row['name']} loss, kB/s")
    return str(drawing)


def measured(size: int, seeds: int, loss: int) -> dict[str, Any]:
    """A row of the table at `loss` permille: medians over the seeds in kB/s, and their spread."""
    ideal = full(size) * (1 - loss / 1000)
    ours, theirs = (
        [goodput(kind, size, seed, loss) for seed in range(seeds)] for kind in (Bus, Quic)
    )
    medians = table.median(ours), table.median(theirs)
    row: dict[str, Any] = table.row(f"{loss / 10:g} %", medians[0], "kB/s", "aioquic", medians[1])
    row["spread"], row["reference_spread"] = table.spread(ours), table.spread(theirs)
    row["ideal"], row["of_ideal"] = ideal, medians[0] / ideal
    return row


@click.command()
@click.option("--mb", default=8.0, show_default=True, help="Megabytes in each transfer.")
@click.option("--seeds", default=5, show_default=True, help="Transfers at each loss.")
@click.option("--svg", type=click.Path(path_type=Path), help="Where to write the chart.")
def main(mb: float, seeds: int, svg: Path | None) -> None:
    """Compares goodput over a simulated path with aioquic's."""
    size = int(mb * 1_000_000)
    rows = []
    print("| loss | ideal kB/s | dsoftbus | aioquic | ratio | of ideal |")
    print("|---|---|---|---|---|---|")
    for loss in LOSSES:
        row = measured(size, seeds, loss)
        rows.append(row)
        print(
            f"| {row['name']} | {row['ideal']:.0f} | {row['value']:.0f} "
            f"| {row['reference_value']:.0f} | {row['ratio']:.2f} | {row['of_ideal']:.0%} |",
            flush=True,
        )
    keep(rows, OUTPUT)
    if svg is not None:
        svg.write_text(chart(rows, full(size)))


if __name__ == "__main__":
    main()
