"""Each portable file on the MicroPython WebAssembly port: the small ints of a 32-bit board."""

import os

import pytest

import portable


@pytest.mark.parametrize("file", portable.FILES, ids=portable.name)
def test_portable_on_wasm(wasm, file, record_property):
    reason = portable.wasm_missing()
    if reason and os.environ.get("CI") != "true":
        pytest.skip(reason)
    assert not reason, f"{reason}, and under CI=true this leg must run"
    output = wasm.output_of(f"{file.name} on {portable.WASM}", "run.mjs", str(file))
    portable.check(portable.WASM, output, file, record_property)
