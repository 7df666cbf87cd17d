"""Calls and topics among two to five nodes, in any order: a failure names its seed."""

from services_world import Walk

EXAMPLES = 2000


def test_every_program_is_told_the_truth_and_memory_is_bounded():
    for seed in range(EXAMPLES):
        try:
            Walk(seed).run()
        except Exception as error:
            raise AssertionError(f"Walk({seed}).run()") from error
