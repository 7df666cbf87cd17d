"""One command updates fifty simulated boards and a real one; `make soak-fleet` takes five."""

import asyncio

from free_ports import free_port
from updated_fleet import campaign

AT_A_TIME = 16


def test_those_that_do_not_bear_the_new_version_come_back(image, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "fleet"
    folder.mkdir()
    port = free_port()
    found = asyncio.run(campaign(folder, image, 50, 1, AT_A_TIME, port))
    assert found.status == 1
    lines = found.said.splitlines()
    assert lines[-1] == "51 peers: 48 updated, 3 went back"
    gone = sorted(line.split()[0] for line in lines if "  went back" in line)
    assert gone == ["board07", "board31", "real00"]
    assert found.complaints.count("(update.taken_back)") == 3
    assert found.complaints.count("`dsoftbus logs`") == 1
