"""On the 32-bit port: what opens and closes over and over leaves no growth in the heap."""

import pytest

import portable


@pytest.mark.skipif(bool(portable.wasm_missing()), reason=portable.wasm_missing() or "it is here")
@pytest.mark.parametrize(
    ("call", "rounds", "limit"),
    [
        ("cycle_streams", 1000, 500),  # less than one stream
        ("cycle_sessions", 500, 2500),  # less than one session
    ],
)
def test_growth_on_wasm(wasm, call, rounds, limit):
    output = wasm.output_of(call, "growth.mjs", "test_memory", call, str(rounds))
    held = [int(line) for line in output.split()]
    assert len(held) == rounds // 100 + 1
    assert held[-1] - held[0] < limit, held
