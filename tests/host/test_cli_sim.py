"""`dsoftbus sim`: the scenarios run, and what they draw is what happened."""

from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from dsoftbus_host.cli.command import main
from dsoftbus_host.cli.demo.plot import Series, as_svg, columns, growth, in_terminal, levels
from dsoftbus_sim.scenarios import SCENARIOS


def run(*words, fails=False) -> str:
    result = CliRunner().invoke(
        main, ["sim", *(str(word) for word in words)], env={"COLUMNS": "80"}
    )
    assert (result.exit_code != 0) == fails, result.output
    return result.output


def test_the_list_names_every_scenario_with_a_sentence():
    shown = run("--list")
    for scenario in SCENARIOS:
        assert scenario.name in shown
        assert scenario.says.split()[0] in shown


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_draws_three_charts_in_80_columns(scenario):
    shown = run(scenario.name, "--mb", scenario.megabytes / 4)
    assert max(len(line) for line in shown.splitlines()) <= 80
    for title in ("goodput", "sent again", "congestion window"):
        assert title in shown
    assert f"{scenario.megabytes / 4:g} MB in" in shown
    assert shown.count("└") == 3


def test_a_seed_repeats_and_another_does_not():
    one = run("lossy", "--mb", 0.2, "--seed", 7)
    assert one == run("lossy", "--mb", 0.2, "--seed", 7)
    assert one != run("lossy", "--mb", 0.2, "--seed", 8)


def test_loss_may_be_set():
    assert "0 were lost; 0 segments went again" in run("clean", "--mb", 0.2, "--loss", 0)
    shown = run("clean", "--mb", 0.2, "--loss", 20)
    assert "Loss here: 20 %" in shown
    assert " 0 were lost" not in shown


def test_what_happens_on_the_way_is_marked():
    shown = run("partition", "--mb", 2)
    assert "▲ at 1.0 s: cut" in shown
    assert "▲ at 3.0 s: joined" in shown


def test_a_drawing_is_written(tmp_path):
    file = tmp_path / "roaming.svg"
    run("roaming", "--mb", 1, "--svg", file)
    root = ElementTree.parse(file).getroot()
    kinds = [element.tag.rpartition("}")[2] for element in root]
    assert root.tag.endswith("svg")
    assert kinds.count("polyline") == 3 * 3  # an axis, a curve and one mark, in each chart


def test_failures_say_what_they_are():
    assert "one of clean, lossy" in run("stormy", fails=True)
    assert "one of clean, lossy" in run(fails=True)
    assert "session.end.handshake_timeout" in run("clean", "--loss", 100, fails=True)


def test_a_chart_shows_the_least_and_the_most():
    lines = in_terminal(Series("title", "red", [0, 0.01, 50, 100], 2000, [1999]), 2)
    assert lines == [
        "title",
        "    100 │   █",
        "        │ ▁██",
        "      0 └───▲",
        "         02.0 s",
    ]


def test_values_are_spread_over_time():
    times, sums = [0, 10, 20, 40], [0, 100, 100, 300]
    assert growth(times, sums, 4) == [100, 0, 100, 100]
    assert levels(times, sums, 2) == [100, 200]
    assert columns(80) == 71


def test_a_drawing_escapes_its_texts():
    drawn = as_svg("a < b & c", [Series("t", "red", [1.0], 0)])
    assert ElementTree.fromstring(drawn)[0].text == "a < b & c"
