"""Rows of a benchmark: printed as a table, and written to build/bench/NAME.json on a host.

A row compares a value with a reference of the same run; `ratio` is value / reference_value. This
file runs on MicroPython too, where a board prints the same table.
"""

import json

_COLUMNS = ("name", "value", "unit", "reference", "reference_value", "ratio")


def row(name, value, unit, reference, reference_value):
    """One row, as `_COLUMNS` names its fields."""
    ratio = value / reference_value if reference_value else None
    return dict(zip(_COLUMNS, (name, value, unit, reference, reference_value, ratio)))


def show(rows):
    """Prints the rows."""
    print("%-34s %10s %-8s %8s  %s" % ("", "value", "unit", "ratio", "to"))
    for r in rows:
        ratio = "" if r["ratio"] is None else "%.2f" % r["ratio"]
        against = "" if not r["reference"] else "%s (%s)" % (r["reference"], number(r["reference_value"]))
        print("%-34s %10s %-8s %8s  %s" % (r["name"], number(r["value"]), r["unit"], ratio, against))


def number(value):
    """Three significant digits, without an exponent."""
    if value is None:
        return ""
    return "%.0f" % value if value >= 100 else "%.3g" % value


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
