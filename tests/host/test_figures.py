"""The figures of README.md come from what the benchmarks have written."""

import importlib
import json

import pytest

import figures

stopwatch = importlib.import_module("stopwatch")  # of bench/, which `figures` knows the way to


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """Measures a rate of 4 MB/s in wall time, 8 in CPU time, beside a reference of 2 and 10."""
    folder = tmp_path / "build/bench"
    folder.mkdir(parents=True)
    spent = [stopwatch.Spent(1.0, 0.5)] * 3
    of = [stopwatch.Spent(2.0, 0.4)] * 3
    figure = stopwatch.Figure("MB/s", 4, True)
    rows = [stopwatch.row("bulk, AES-GCM", figure, spent, "TLS", of)]
    (folder / "bench.json").write_text(json.dumps({"machine": "a machine", "rows": rows}))
    monkeypatch.setattr(figures, "ROOT", tmp_path)


def test_a_row_has_both_times_and_says_where_it_falls_short(measured):
    page = figures.page("before\n<!-- figures: bench -->\nold\n<!-- until here -->\nafter\n")
    assert "old" not in page and page.startswith("before\n") and page.endswith("after\n")
    assert (
        "| bulk, AES-GCM | 4 MB/s | 2 MB/s, TLS | 2.00 (2.00 to 2.00) "
        "| 0.80 (0.80 to 0.80): **short** | 1.6 |\n" in page
    )
    assert "Measured on a machine." in page


def test_quartiles_are_those_of_the_rounds():
    assert stopwatch.table.spread([5, 1, 4, 2, 3]) == (3, 2, 4)
    assert stopwatch.table.spread([7]) == (7, 7, 7)


def test_what_the_page_says_is_what_it_was_last_given():
    assert figures.PAGE.read_text().count("<!-- figures: ") == len(figures.TITLES)
