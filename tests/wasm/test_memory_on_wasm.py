"""On the 32-bit port: a node whose code lies in flash is below the aims of docs/memory.md, and
boards/NAME/memory.json says what the installed node holds."""

import json

import pytest

import memory
import memory_boards
import portable
from dsoftbus_host.board.make import boards

pytestmark = pytest.mark.skipif(
    bool(portable.wasm_missing()), reason=portable.wasm_missing() or "it is here"
)
STALE_BYTES = 1024  # from which on a figure misleads


@pytest.fixture(autouse=True)
def wasm_port(monkeypatch):
    monkeypatch.setenv("DSOFTBUS_WASM_PORT", portable.wasm_port())


@pytest.mark.parametrize(
    "kind", [kind for kind in memory.KINDS if kind.aim], ids=lambda k: k.links
)
def test_a_node_in_rom_is_below_its_aim(kind):
    code, idle, one, four = memory.node_bytes(kind, memory.measured(kind, rom=True))
    assert code < idle < one < four
    assert one < kind.aim


@pytest.mark.parametrize(
    "name, place", [("rpi_pico", "heap"), ("rpi_pico_w", "rom"), ("pybv11", "heap")]
)
def test_what_is_said_of_an_installed_node_is_not_stale(name, place):
    board = boards.find(name)
    said = json.loads(board.memory.read_text())[place]
    found = memory_boards.measured(board, place == "rom")
    assert found == pytest.approx(said, abs=STALE_BYTES), "run `make memory`"
