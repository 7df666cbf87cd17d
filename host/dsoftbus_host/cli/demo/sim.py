"""The command `dsoftbus sim`: what sessions do on bad paths, in virtual time.

The one module of the host that knows the simulator: it shows it, and nothing here uses it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem
from rich.table import Table
from rich.text import Text

from dsoftbus.const import SUITE_CHACHA_SHA256
from dsoftbus_host import crypto
from dsoftbus_host.cli.common import command, console, errors
from dsoftbus_host.cli.demo.plot import Series, as_svg, columns, growth, in_terminal, levels
from dsoftbus_sim.scenarios import SCENARIOS, find
from dsoftbus_sim.trial import LIMIT_MS, Trial

_HEIGHT = 4  # lines of a chart: three of them fit on a screen of 24
_SVG_COLUMNS = 310
_COLOURS = ("#2266aa", "#cc7722", "#228844")  # goodput, sent again, window


def _scenarios(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    named = (each for each in SCENARIOS if each.name.startswith(incomplete))
    return [CompletionItem(each.name, help=each.says) for each in named]


@click.command()
@click.argument("scenario", required=False, shell_complete=_scenarios)
@click.option("--list", "listing", is_flag=True, help="Name the scenarios, and run none.")
@click.option("--seed", default=1, show_default=True, help="Chance: a seed repeats everything.")
@click.option(
    "--mb",
    type=click.FloatRange(0.001, 100),
    show_default="the scenario's",
    help="Megabytes to send.",
)
@click.option(
    "--loss",
    type=click.FloatRange(0, 100),
    show_default="the scenario's",
    help="Percent of all datagrams that are lost, one by one.",
)
@click.option(
    "--svg",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Draw into this file, too.",
)
@command
def sim(
    scenario: str | None,
    listing: bool,
    seed: int,
    mb: float | None,
    loss: float | None,
    svg: Path | None,
) -> None:
    """Run SCENARIO in a simulated network, and draw what happened over time.

    Two nodes on a path of 10 Mbit/s, or what the scenario says; one sends the other a file.
    Time is virtual: the same on every machine, and over in a moment.
    """
    if listing:
        console.print(_list())
        return
    chosen = find(scenario) if scenario is not None else None
    if chosen is None:
        names = ", ".join(each.name for each in SCENARIOS)
        raise click.UsageError(f"SCENARIO is one of {names}.")
    size = round((chosen.megabytes if mb is None else mb) * 1_000_000)
    permille = None if loss is None else round(loss * 10)
    trial = Trial(chosen, {SUITE_CHACHA_SHA256: crypto.suite()}, seed, size, permille)
    done = trial.run()
    says = chosen.says if loss is None else f"{chosen.says} Loss here: {loss:g} %."
    _show(chosen.name, says, trial, seed)
    if svg is not None and trial.samples:
        svg.write_text(as_svg(f"{chosen.name}: {says}", _charts(trial, _SVG_COLUMNS)))
    if not done:
        errors.print(_why_not(trial), style="red")
        sys.exit(1)


def _list() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for scenario in SCENARIOS:
        table.add_row(Text(scenario.name, "bold"), scenario.says)
    return table


def _show(name: str, says: str, trial: Trial, seed: int) -> None:
    console.print(Text(f"{name}: ", "bold") + Text(says, "not bold"))
    if trial.samples:
        for chart in _charts(trial, columns(min(console.width, 120))):
            title, *lines = in_terminal(chart, _HEIGHT)
            console.print(title, soft_wrap=False)
            console.print(Text("\n".join(lines), chart.colour))
    for at_ms, what in trial.marks:
        console.print(f"▲ at {at_ms / 1000:.1f} s: {what}", soft_wrap=False)
    console.print(_summary(trial, seed), soft_wrap=False)


def _charts(trial: Trial, count: int) -> list[Series]:
    """Goodput, segments sent again, and congestion window, in so many pieces of time each."""
    times, arrived, resent, window = (list(each) for each in zip(*trial.samples, strict=True))
    duration_ms = max(times[-1], 1)
    piece_ms = duration_ms / count
    rates = [n / piece_ms for n in growth(times, arrived, count)]
    kilobytes = [n / 1000 for n in levels(times, window, count)]
    drawn = (
        ("goodput, kB/s", rates),
        (f"segments sent again, each {piece_ms:.0f} ms", growth(times, resent, count)),
        ("congestion window, kB", kilobytes),
    )
    marks = [at_ms for at_ms, _ in trial.marks]
    return [
        Series(title, colour, values, duration_ms, marks)
        for (title, values), colour in zip(drawn, _COLOURS, strict=True)
    ]


def _summary(trial: Trial, seed: int) -> str:
    sent, lost = trial.network.totals
    resent = trial.samples[-1][2] if trial.samples else 0
    dropped = "".join(f", {n} {label}" for label, n in sorted(trial.drops().items()))
    return (
        f"{trial.received / 1e6:g} MB in {trial.elapsed_ms / 1000:.2f} s: "
        f"{trial.received / max(trial.elapsed_ms, 1):.0f} kB/s. "
        f"Of {sent} datagrams {lost} were lost; {resent} segments went again{dropped}. "
        f"Seed {seed}."
    )


def _why_not(trial: Trial) -> str:
    if not trial.intact:
        return "the bytes received differ from those sent"
    if trial.session.closed:
        return f"the session ended: {trial.session.failure}"
    return f"not all has arrived after {LIMIT_MS // 1000} s"
