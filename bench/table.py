"""Rows of a benchmark: printed as a table, and written to build/bench/NAME.json on a host.

A row compares a value with a reference of the same run; `ratio` is value / reference_value. This
file runs on MicroPython too, where a board prints the same table.
"""

import json


def row(name, value, unit, reference, reference_value):
    """One row; `reference` says what `reference_value` (in the same unit) was measured on."""
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "reference": reference,
        "reference_value": reference_value,
        "ratio": value / reference_value if reference_value else None,
    }


def spread(values):
    """(median, lowest, highest)"""
    return median(values), min(values), max(values)


def show(rows):
    """Prints the rows."""
    print(_line("", "value", "unit", "ratio", "to"))
    for r in rows:
        if "cpu" in r:
            _show_spread(r)
            continue
        ratio = "" if r["ratio"] is None else f"{r['ratio']:.2f}"
        to = f"{r['reference']} ({number(r['reference_value'])})" if r["reference"] else ""
        print(_line(r["name"], number(r["value"]), r["unit"], ratio, to))


def _show_spread(r):
    """Prints a row whose ratios are known of both times."""
    to = f"{r['reference']} ({number(r['reference_value'])})"
    ratios = ["{:.2f} ({:.2f} to {:.2f})".format(*r[time]) for time in ("wall", "cpu")]
    wide = f"{ratios[0]}; CPU time {ratios[1]}"
    print(_line(r["name"], number(r["value"]), r["unit"], wide, to))


def _line(name, value, unit, ratio, to):
    return f"{name:<34} {value:>10} {unit:<8} {ratio:>6}  {to}"


def number(value):
    """Three significant digits, without an exponent."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def write(rows, path):
    """Writes the rows as JSON to `path`; its folder exists."""
    with open(path, "w") as file:
        file.write(json.dumps(rows))


def median(values):
    """The middle value; of an even number the mean of the middle two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2
