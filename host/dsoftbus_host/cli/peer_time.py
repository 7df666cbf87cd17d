"""The command that shows a peer's clock beside this node's."""

from __future__ import annotations

import click

from dsoftbus.service.clock import ClockSample
from dsoftbus_host import event_loop
from dsoftbus_host.cli.common import called, command, console, json_option, peer_argument, say_json
from dsoftbus_host.cli.reach import Place, place_options, reached

_MS, _S, _DAY = 1000, 1_000_000, 86_400_000_000  # in us


@click.command("time")
@peer_argument
@click.option(
    "-c",
    "--count",
    type=click.IntRange(1, 1000),
    default=4,
    show_default=True,
    help="How often it asks; the quickest answer counts.",
)
@json_option
@place_options
@command
def time(peer: str, count: int, as_json: bool, place: Place) -> None:
    """Show how far a peer's clock is from this node's.

    PEER is the name or the id of a paired one, or KEY@HOST:PORT. It changes neither clock.
    """
    sample = event_loop.run(_time(peer, count, place))
    if as_json:
        say_json({"offset_us": sample.offset_us, "delay_us": sample.delay_us})
    else:
        console.print(sentence(called(peer), sample))


async def _time(peer: str, count: int, place: Place) -> ClockSample:
    async with reached(place, peer) as connection:
        return await connection.time(count)


def sentence(peer: str, sample: ClockSample) -> str:
    """The sample as people read it: half of the delay is how wrong the offset may be."""
    doubt = sample.delay_us / 2
    if abs(sample.offset_us) <= doubt:
        return f"{peer} has the time of this node, within {_span(doubt)}"
    where = "ahead of" if sample.offset_us > 0 else "behind"
    return f"{peer} is {_span(abs(sample.offset_us))} {where} this node, within {_span(doubt)}"


def _span(us: float) -> str:
    if us < _S:
        return f"{us / _MS:.2f} ms"
    return f"{us / _S:.3f} s" if us < _DAY else f"{us / _DAY:.1f} days"
