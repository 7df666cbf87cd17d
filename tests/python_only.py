"""Tests that cannot run against a compiled core, and why; all others do."""

import pytest

from dsoftbus_host.loaded_core import loaded_core

_METHODS = "it replaces methods of one object, whose calls a compiled core does not look up"
_CALLS = "it counts calls of the core's files, which a compiled core does not show"
PYTHON_ONLY = {
    "core/test_datagram_memory.py::test_a_lack_of_memory_in_any_call_leaves_both_nodes": _METHODS,
    "core/test_datagram_memory.py::test_a_lack_of_memory_while_a_peer_moves_leaves_both_nodes": (
        _METHODS
    ),
    "core/test_guard.py::test_the_code_of_a_lost_stream_is_why_the_pairing_failed": _METHODS,
    "core/test_scarce.py::test_a_stream_without_memory_is_refused_alone": _METHODS,
    "host/test_flat_hub.py::test_peers_that_are_not_there_cost_nothing_but_their_attempts": _CALLS,
    "backends/test_faults.py::test_a_fault_in_one_session_ends_it_and_no_other": _METHODS,
}


def leave_out(items: list) -> None:
    """Marks them as left out, with their reasons, where the core is compiled."""
    if loaded_core() == "Python":
        return
    for item in items:
        reason = PYTHON_ONLY.get(item.nodeid.removeprefix("tests/"))
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))
