"""Run one file of portable tests without pytest: `INTERPRETER tests/run_portable.py FILE`.

One line a test, then `N passed, N failed, N skipped`; the exit status is 1 if a test failed.
Runs on CPython and on both ports of MicroPython. Under WebAssembly, wasm/run.mjs calls `run`.
"""

import gc
import sys
import time

if hasattr(time, "ticks_ms"):

    def since_ms(start: int) -> int:
        return time.ticks_diff(time.ticks_ms(), start)

    now_ms = time.ticks_ms
    print_exception = sys.print_exception
else:
    from traceback import print_exception

    def now_ms() -> int:
        return time.monotonic_ns() // 1_000_000

    def since_ms(start: int) -> int:
        return now_ms() - start


# The heap is ample, but what is written to between two collections should fit into the caches of
# a processor. (The WebAssembly port collects between calls from outside alone.)
COLLECT_BYTES = 1 << 22


def folder_of(path: str) -> str:
    return path.rsplit("/", 1)[0] if "/" in path else "."


def test_names(path: str) -> list:
    """The test functions of the file in their order there (a module's dict may have another)."""
    with open(path) as file:
        return [line[4:].split("(")[0] for line in file if line.startswith("def test_")]


def outcome(test, skip) -> str:
    """Call `test`; 'passed', 'failed' or 'skipped: why'. A failure prints its traceback."""
    try:
        test()
    except skip as reason:
        return "skipped: %s" % reason
    except Exception as error:  # noqa: BLE001 - a runner reports whatever a test raises
        print_exception(error)
        return "failed"
    return "passed"


def load(path: str, skip):
    """Import the file; a function from a test's name to its callable.

    A file that raises Skip while it is imported leaves out each of its tests.
    """
    try:
        module = __import__(path.rsplit("/", 1)[-1][:-3])
    except skip as error:
        reason = error

        def left_out():
            raise reason

        return lambda name: left_out
    return lambda name: getattr(module, name)


def run(path: str) -> int:
    """Run each test of the file; returns how many failed."""
    here = folder_of(__file__)
    roots = (folder_of(path), here + "/core", here + "/../core", here + "/../micropython")
    for root in reversed(roots):
        sys.path.insert(0, root)
    from support import Skip

    if hasattr(gc, "threshold"):
        gc.threshold(COLLECT_BYTES)
    find = load(path, Skip)
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for name in test_names(path):
        gc.collect()  # each test begins with the whole heap, as the first one does
        start = now_ms()
        result = outcome(find(name), Skip)
        count[result.split(":")[0]] += 1
        print("%s %s (%d ms)" % (name, result, since_ms(start)))
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % count)
    return count["failed"]


if __name__ == "__main__":
    sys.exit(1 if run(sys.argv[1]) else 0)
