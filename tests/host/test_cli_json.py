"""The commands say one JSON value to programs, whatever the names are."""

import json

import pytest
from click.testing import CliRunner

from dsoftbus.identity import device_id
from dsoftbus.trust.acl import grant, rule
from dsoftbus.trust.store import Entry
from dsoftbus_host.cli.command import main
from dsoftbus_host.cli.common import short_id
from dsoftbus_host.storage.trust_file import StoreFile

HALL = b"\1" * 32


@pytest.fixture
def trust(tmp_path):
    file = StoreFile(tmp_path / "trust.json")
    file.store.add(Entry(HALL, "h\u00e4ll", [grant("allow in echo")], 1700000000))
    file.store.add(Entry(b"\2" * 32, "[bold]"))
    file.store.add_rule(rule("deny both * secret"))
    file.save()
    return file.path


def told(*words):
    result = CliRunner().invoke(main, [*map(str, words), "--json"])
    assert result.exit_code == 0, result.output
    assert result.stdout.isascii()
    return json.loads(result.stdout)


def test_id(tmp_path):
    found = told("id", "--key", tmp_path / "key")
    assert found["id"] == device_id(bytes.fromhex(found["key"]))
    assert found["short"] == short_id(found["id"])
    assert set(found) == {"id", "short", "key"}


def test_peers(trust):
    found = told("peers", "--trust", trust)
    assert found["rules"] == ["deny both * secret"]
    assert next(peer for peer in found["peers"] if peer["id"] == device_id(HALL)) == {
        "name": "h\u00e4ll",
        "id": device_id(HALL),
        "key": HALL.hex(),
        "next_key": None,
        "paired_at": 1700000000,
        "grants": ["allow in echo"],
    }
    assert {peer["paired_at"] for peer in found["peers"]} == {None, 1700000000}
    assert told("peers", "--trust", trust.with_name("none")) == {"peers": [], "rules": []}


def test_board_list():
    found = told("board", "list")
    assert {"name", "about", "links"} == set(found["boards"][0])
    assert "rpi_pico_w" in [board["name"] for board in found["boards"]]
    assert all(set(port) == {"port", "description"} for port in found["ports"])
