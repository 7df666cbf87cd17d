"""On the 32-bit port: a node whose code lies in flash is below the aims of docs/memory.md."""

import pytest

import memory
import portable

AIMED = [kind for kind in memory.KINDS if kind.aim]


@pytest.mark.skipif(bool(portable.wasm_missing()), reason=portable.wasm_missing() or "it is here")
@pytest.mark.parametrize(
    "kind", [kind for kind in memory.KINDS if kind.aim], ids=lambda k: k.links
)
def test_a_node_in_rom_is_below_its_aim(kind, monkeypatch):
    monkeypatch.setenv("DSOFTBUS_WASM_PORT", portable.wasm_port())
    code, idle, one, four = memory.node_bytes(kind, memory.measured(kind, rom=True))
    assert code < idle < one < four
    assert one < kind.aim
