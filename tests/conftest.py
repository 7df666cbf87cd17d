"""For all tests: hypothesis without a clock, and what each interpreter ran, said at the end."""

import os
from collections import Counter

from hypothesis import settings

import portable

# No deadline: no test is held to a time. CI draws the same examples at every run; `make soak`
# is where new ones are looked for.
settings.register_profile("house", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.register_profile("soak", deadline=None, print_blob=True)
settings.load_profile("house")


def pytest_collection_modifyitems(items):
    """What takes longest begins first, so that nobody waits for it alone at the end."""
    items.sort(key=lambda item: item.path.name != "test_story.py")


def portable_counts(terminalreporter) -> dict:
    """Interpreter -> a Counter of its portable tests that passed and that were left out."""
    counts = {name: Counter() for name in ("cpython", portable.UNIX, portable.WASM)}
    for outcome in ("passed", "skipped"):
        for report in terminalreporter.getreports(outcome):
            if report.nodeid.startswith(
                ("tests/core/", "tests/backends/", "tests/attack/test_sim_")
            ):
                counts["cpython"][outcome] += report.when == "call"
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "portable":
                interpreter, passed, skipped = value
                counts[interpreter].update(passed=passed, skipped=skipped)
    return counts


def pytest_terminal_summary(terminalreporter):
    counts = portable_counts(terminalreporter)
    if not any(count.total() for count in counts.values()):
        return  # other tests were chosen
    terminalreporter.section("portable tests by interpreter")
    for interpreter, count in counts.items():
        left_out = f", {count['skipped']} left out" if count["skipped"] else ""
        terminalreporter.line(f"{interpreter}: {count['passed']} passed{left_out}")
    if reason := portable.wasm_missing():
        terminalreporter.line(f"{portable.WASM}: left out, because {reason}")
