"""A clock that lies makes nothing irrevocable: the victim's clock is the test's to move."""

import pytest

from attack import rules
from attack.owner import Owner, run, store_with
from attack.victim import BOTH
from attack.wire import public_of
from support import Random

SECRET = Random(301)(32)
PUBLIC = public_of(SECRET)
DAY_S = 86400
LIES = {
    "40 days ahead, for a moment": (40 * DAY_S, 0),
    "in 1970, and then set": (-1700000000, 0),
    "in 2100, and then set": (75 * 365 * DAY_S, 0),
    "back and forth": (-40 * DAY_S, 40 * DAY_S, -1, 0),
}
both = pytest.mark.parametrize("kind", BOTH, ids=lambda kind: kind.kind)
lies = pytest.mark.parametrize("lie", LIES.values(), ids=LIES)


def owner_of(kind, tmp_path) -> Owner:
    home = tmp_path / "node"
    home.mkdir()
    trust = store_with(home / "trust.json", (PUBLIC, "attic", ["allow both *"]))
    return Owner(kind, tmp_path / "served", trust)


def rotate(owner: Owner) -> None:
    """The owner plans a change of key in a week."""
    if owner.is_host:
        run("rotate", "--days", 7, "--key", owner.key_path)
        owner.victim.wait_for(lambda report: report["rotating"])
    else:
        owner.victim.say(f"rotate {7 * DAY_S}")
        owner.victim.until("rotating")


@both
@lies
def test_a_clock_that_jumps_does_not_change_the_key(kind, tmp_path, lie):
    with owner_of(kind, tmp_path) as owner:
        before = owner.key_path.read_bytes()
        rotate(owner)
        for clock_s in lie:
            owner.victim.ask("clock", clock_s)
            for _ in range(3):
                assert owner.victim.report()["public"] == owner.victim.public.hex()
            assert rules.Served(owner.victim, secret=SECRET).run().effects  # it is served
        assert owner.key_path.read_bytes() == before


@both
@lies
def test_a_start_while_the_clock_lies_does_not_change_the_key(kind, tmp_path, lie):
    with owner_of(kind, tmp_path) as owner:
        before = owner.key_path.read_bytes()
        public = owner.victim.public
        rotate(owner)
        for clock_s in lie:
            owner.victim.clock_s = clock_s
            owner.victim.restart()
            assert owner.victim.public == public
        assert owner.key_path.read_bytes() == before
        assert rules.Served(owner.victim, secret=SECRET).run().effects


@both
def test_a_plan_that_was_made_in_1970_waits_its_time(kind, tmp_path):
    with owner_of(kind, tmp_path) as owner:
        owner.victim.clock_s = -1700000000
        owner.victim.restart()
        public = owner.victim.public
        before = owner.key_path.read_bytes()
        if not owner.is_host:
            rotate(owner)
        else:
            owner.victim.ask("plan", 7 * DAY_S)
        owner.victim.clock_s = 0
        owner.victim.restart()
        owner.victim.ask("clock", 0)
        assert owner.victim.public == public
        assert owner.key_path.read_bytes() == before
