"""The README's story on machines of their own: find, pair, serve, send, fetch, refuse, unpair."""

import re

import pytest

from commands import make_file
from machines.people import Serving, acquaint, agree, digits_of, pair
from nodes import digest


def test_the_story(attic, kitchen):
    """From nothing to two who have paired, and to one that is trusted no more."""
    own = attic.run("dsoftbus id").stdout.split()[1]
    file = make_file(kitchen.home / "photo.jpg", 100_000)
    sent = digest(file)
    with Serving(attic) as serving:
        assert serving.id == own
        found = kitchen.run("dsoftbus discover --seconds 2").stdout
        assert re.search(rf"attic +{own} .* tcp://192\.0\.2\.1:37020 ", found)
        pair(attic, kitchen)
        done = kitchen.run("dsoftbus send photo.jpg attic")
        assert done.stdout == f"stored photo.jpg, SHA-256 {sent.hex()}\n", done
        file.unlink()
        done = kitchen.run("dsoftbus fetch photo.jpg attic --replace")
        assert done.returncode == 0, done
        assert digest(file) == digest(serving.folder / "photo.jpg") == sent
        assert attic.run("dsoftbus unpair kitchen").stdout == "kitchen is no longer trusted\n"
        while not (done := kitchen.run("dsoftbus fetch photo.jpg attic --replace")).returncode:
            pass  # a node that runs looks at its files every two seconds
        assert "trust.reject." in done.stderr
        said = serving.interrupt()
    assert "stored photo.jpg (100000 bytes) from " in said
    assert f"{serving.key}@192.0.2.1:37020\n" in said
    assert "127.0.0.1" not in said and "0.0.0.0" not in said


@pytest.mark.parametrize("words", [("kitchen", ""), ("kitchen", "attic")], ids="-".join)
def test_they_pair_whoever_names_the_other(attic, kitchen, words):
    pair(attic, kitchen, *words)
    assert re.search(r"kitchen +[a-z2-7]{26} ", attic.run("dsoftbus peers").stdout)


def test_nobody_is_trusted_before_both_have_agreed(attic, kitchen):
    with attic.spawn("dsoftbus pair") as here, kitchen.spawn("dsoftbus pair attic") as there:
        assert digits_of(here) == digits_of(there)
        agree(here)
        here.until("waiting for the person at kitchen to agree, too")
        there.types("n\n")
        there.until("trust.reject.pairing_cancelled")
        assert there.status() == 1
        assert here.interrupt() == 130
    for machine in (attic, kitchen):
        assert "nobody is trusted" in machine.run("dsoftbus peers").stdout


def test_a_stranger_is_refused_and_both_sides_are_told(network, attic, kitchen):
    acquaint(attic, kitchen)
    hall = network.machine("hall")
    make_file(hall.home / "photo.jpg", 10)
    with Serving(attic) as serving:
        done = hall.run("dsoftbus send photo.jpg attic")
        assert done.returncode == 1
        assert "attic: no such peer" in done.stderr
        done = hall.run(f"dsoftbus send photo.jpg {serving.address}")
        assert done.returncode == 1
        assert "trust.reject.not_paired" in done.stderr
        assert "`dsoftbus pair` on both sides pairs" in done.stderr
        said = serving.interrupt()
    assert re.search(
        r"denied \S+: is not paired with this node \(trust\.reject\.not_paired\)", said
    )
    assert list(serving.folder.iterdir()) == []
