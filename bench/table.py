"""Rows of a benchmark: printed as a table, and written to build/bench/NAME.json on a host.

A row compares a value with a reference of the same run; `ratio` is value / reference_value. Rows
of `stopwatch.row` have that of wall time and of CPU time. This file runs on MicroPython too, where
a board prints the same table.
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
    """(median, lower quartile, upper quartile)"""
    ordered = sorted(values)
    half = (len(ordered) + 1) // 2
    return median(ordered), median(ordered[:half]), median(ordered[-half:])


def show(rows):
    """Prints the rows."""
    print(_line("", "value", "unit", "ratio", "to"))
    for r in rows:
        if "cpu" in r:
            _show_both(r)
            continue
        ratio = "" if r["ratio"] is None else f"{r['ratio']:.2f}"
        to = f"{r['reference']} ({number(r['reference_value'])})" if r["reference"] else ""
        print(_line(r["name"], number(r["value"]), r["unit"], ratio, to))


def _show_both(r):
    """Prints a row of both times, a line for each."""
    for name, time in ((r["name"], "wall"), ("    in CPU time", "cpu")):
        t = r[time]
        to = f"{r['reference']} ({number(t['reference_value'])})"
        print(_line(name, number(t["value"]), r["unit"], ratios(t), to))


def ratios(t):
    """The median ratio of one of a row's times, and its quartiles."""
    return "{:.2f} ({:.2f} to {:.2f})".format(*t["ratio"])


def _line(name, value, unit, ratio, to):
    return f"{name:<34} {value:>10} {unit:<8} {ratio:>6}  {to}"


def number(value):
    """Three significant digits, without an exponent."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def write(rows, path, machine=""):
    """Writes the rows as JSON to `path`, and the machine that they are of; its folder exists."""
    with open(path, "w") as file:
        file.write(json.dumps({"machine": machine, "rows": rows}))


def median(values):
    """The middle value; of an even number the mean of the middle two."""
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2
