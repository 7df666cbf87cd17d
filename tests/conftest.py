"""For all tests: hypothesis without a clock, and what each interpreter ran, said at the end."""

import ast
import functools
import gc
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import command
import draws
import linked_once
import portable
import python_only
from dsoftbus_host.board.make.tree import without_collections
from dsoftbus_host.storage import secret_files

# Compiled once, whatever the environment says of that: some tests start hundreds of commands.
# Not beside the sources, which stay as they were.
sys.dont_write_bytecode = False
sys.pycache_prefix = str(portable.ROOT / "build" / "pycache")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
# A worker of this Python has been through all files.
COLLECTED = Path(sys.pycache_prefix) / f"collected.{sys.implementation.cache_tag}"
FIRST_S = 60  # until the others no longer wait for it

draws.register()
linked_once.share()

# A shell's background ignores Ctrl-C, as would the commands that tests start and end by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# So does `nohup`, where terminals are closed.
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def without_a_collection(parse):
    """CPython 3.11 fails in `ast.parse` where a collection in its midst runs code that parses,
    too, as the report of a resource does that a test before has left open."""

    @functools.wraps(parse)
    def whole(*arguments, **options):
        with without_collections():
            return parse(*arguments, **options)

    return whole


ast.parse = without_a_collection(ast.parse)


# What takes longest, or waits longest.
LONG = (
    "test_story.py",
    "test_benches.py",
    "test_mux_stateful.py",
    "test_slow_board.py",
    "test_bridge.py",
    "test_line_faults.py",
    "test_trouble.py",
    "test_alloc_failures.py",
    "core-test_arrivals",
    "core-test_datagram",
    "core-test_forged_announcements",
    "core-test_line",
    "core-test_serial_sessions",
    "attack-test_sim_udp",
    "test_wheel.py",
    "test_memory_on_wasm.py",
    "test_heap.py",
    "test_console_keys.py",
    "test_interrupted.py",
    "test_fit.py",
    "test_romfs.py",
)


def pytest_collection_modifyitems(config, items):
    """Puts the longest tests first, so that nobody waits for one alone at the end.

    Each worker begins with a part of its own of equal length, and steals from the ends of others'.
    """
    python_only.leave_out(items)
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if any(name in item.nodeid for name in LONG)]
    others = [item for item in items if item not in set(long)]
    part = -(-len(items) // workers)
    items.clear()
    for worker in range(workers):
        own = long[worker::workers]
        room = max(part - len(own), 0)
        items += own + others[:room]
        del others[:room]


def spare_collections() -> None:
    """Has collections, which the tests ask for often, pass over all that lives now."""
    gc.collect()
    gc.freeze()


def compile_most_tests() -> None:
    """Those of the host, which the first worker comes to last."""
    words = ("-q", "--collect-only", "-p", "no:xdist", "-p", "no:cacheprovider", "tests/host")
    command = (sys.executable, "-m", "pytest", *words)
    subprocess.run(command, cwd=portable.ROOT, stdout=subprocess.DEVNULL, check=False)


# In a fresh checkout the first worker compiles everything, for all of them. Meanwhile others do
# what it comes to later, or what each would do.
MEANWHILE = {"gw1": draws.make_tables, "gw2": compile_most_tests}


def wait_for_the_first(worker: str) -> None:
    end = time.monotonic() + FIRST_S
    if not COLLECTED.exists():
        MEANWHILE.get(worker, lambda: None)()
    while not COLLECTED.exists() and time.monotonic() < end:
        time.sleep(0.05)


def pytest_configure(config):
    """Starts the process that waits for commands before the workers, which then share it."""
    if config.getoption("numprocesses", None):
        command.share()


def pytest_collection(session):
    worker = getattr(session.config, "workerinput", {}).get("workerid", "gw0")
    if worker != "gw0":
        wait_for_the_first(worker)


def pytest_collection_finish(session):
    if not session.config.option.collectonly:
        COLLECTED.parent.mkdir(parents=True, exist_ok=True)
        COLLECTED.touch()
    spare_collections()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """At the end of a file much more may live than before, as its caches of syntax trees. And
    each key that its nodes had would be looked for whenever a later one opens a file for a peer.
    """
    result = yield
    if nextitem is None or nextitem.path != item.path:
        secret_files._noted.clear()
        spare_collections()
    return result


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
