"""The tool that puts faults into the code: it draws what it says, and one fault is seen."""

import re
import subprocess
import sys

import mutants
from portable import ROOT


def test_a_seed_draws_the_same_and_another_seed_others():
    rooms = [room for room in mutants.ROOMS if room.name == "discovery"]
    one, again, other = (mutants.draw(rooms, 5, seed) for seed in (1, 1, 2))
    assert [each.key for each in one] == [each.key for each in again]
    assert [each.key for each in one] != [each.key for each in other]
    for each in one:
        assert each.before != each.after and each.function
        assert (ROOT / each.place.file).read_text() != each.text


def test_what_is_explained_is_still_there():
    assert mutants.stale(mutants.explained()) == []
    for entry in mutants.explained():
        assert len(entry.reason) > 20 and entry.before != entry.after


def test_every_room_has_files_and_tests():
    for room in mutants.ROOMS:
        for pattern in (*room.files, *room.tests):
            assert list(ROOT.glob(pattern)), pattern


def test_a_fault_is_seen():
    """In a quick room, as `make mutants` finds them."""
    tool = [sys.executable, str(ROOT / "scripts" / "mutants.py"), "-n", "1", "--jobs", "1"]
    command = [*tool, "--room", "discovery", "--file", "backoff", "--seed", "1", "--quick"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert not ran.returncode, ran.stdout + ran.stderr
    assert re.search(r"^1/1 seen core/dsoftbus/base/backoff.py:\d+ ", ran.stdout, re.MULTILINE)
    assert "1 drawn, 1 seen, 0 survived, 0 equivalent" in ran.stdout
